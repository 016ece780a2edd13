# The seed's own notation (chapter 2): pasted in as it stands. The agents are small programs.

=== the first example of the seed is valid input as it stands
[given .pollard/agents/researcher.md]
---
name: researcher
description: looks things up
command: sh -c 'printf "%s: %s" "$POLLARD_AGENT" "$(cat)"'
---
[given list]
In one message, invoke:
- Task tool → researcher (investigate authentication)
- Task tool → researcher (investigate authorization)
- Task tool → researcher (investigate session management)

Then wait for all three to complete before proceeding.
$ pollard run -k --progress none < list
[stdout]
researcher: investigate authentication
researcher: investigate authorization
researcher: investigate session management
$ pollard run -k --progress none -f list --tag
[stdout like]
1	researcher: investigate authentication
2	researcher: investigate authorization
3	researcher: investigate session management

=== the first example with the fences it has in the document
[given .pollard/agents/researcher.md]
---
command: cat
---
[given list]
```
In one message, invoke:
- Task tool → researcher (investigate authentication)
- Task tool → researcher (investigate authorization)
- Task tool → researcher (investigate session management)

Then wait for all three to complete before proceeding.
```
$ pollard run -k --progress none -f list
[stdout]
investigate authentication
investigate authorization
investigate session management

=== pattern 1, parallel research: three tasks, the phase's title and goal recorded, the notes no tasks
[given .pollard/agents/researcher.md]
---
command: cat
---
[given list]
Phase: Research
Goal: Understand multiple independent areas

Parallel invocation:
1. researcher → "Investigate frontend routing patterns"
2. researcher → "Investigate backend API structure"
3. researcher → "Investigate database schema"

Synchronization: Collect all three results
Next: Synthesize findings before planning
$ pollard run -k --progress none -f list
[stdout]
Investigate frontend routing patterns
Investigate backend API structure
Investigate database schema
$ pollard show
[stdout~]
Research
Understand multiple independent areas
$ head -n 1 "$POLLARD_STATE_DIR"/runs/*/journal.jsonl
[stdout~]
"title":"Research","goal":"Understand multiple independent areas","jobs":4,"count":3

=== pattern 2, parallel testing
[given .pollard/agents/test-writer.md]
---
command: cat
---
[given list]
Phase: Testing
Goal: Test multiple independent modules

Parallel invocation:
1. test-writer → "Create tests for auth module"
2. test-writer → "Create tests for payment module"
3. test-writer → "Create tests for notification module"

Synchronization: Wait for all tests to complete
Next: Run full test suite
$ pollard run -k --progress none -f list
[stdout]
Create tests for auth module
Create tests for payment module
Create tests for notification module

=== pattern 3, parallel review: a prompt with * is no pattern for anybody
[given .pollard/agents/code-reviewer.md]
---
command: cat
---
[given src/auth/a.ts]
x
[given list]
Phase: Code Review
Goal: Review multiple changed files

Parallel invocation:
1. code-reviewer → "Review src/auth/*.ts"
2. code-reviewer → "Review src/api/*.ts"
3. code-reviewer → "Review src/db/*.ts"

Synchronization: Merge all review findings
Next: Consolidate and prioritize issues
$ pollard run -k --progress none -f list
[stdout]
Review src/auth/*.ts
Review src/api/*.ts
Review src/db/*.ts

=== pattern 4, parallel implementation
[given .pollard/agents/code-writer.md]
---
command: cat
---
[given list]
Phase: Implementation
Goal: Build independent features simultaneously

Parallel invocation:
1. code-writer → "Implement user authentication module"
2. code-writer → "Implement logging module"
3. code-writer → "Implement caching module"

Synchronization: Collect all implementations
Next: Integration step (sequential)
$ pollard run -k --progress none -f list
[stdout]
Implement user authentication module
Implement logging module
Implement caching module

=== pattern 5, parallel documentation
[given .pollard/agents/documentation-writer.md]
---
command: cat
---
[given list]
Phase: Documentation
Goal: Document multiple independent areas

Parallel invocation:
1. documentation-writer → "Document API endpoints"
2. documentation-writer → "Document deployment process"
3. documentation-writer → "Document testing strategy"

Synchronization: Collect all documentation
Next: Review for consistency
$ pollard run -k --progress none -f list
[stdout]
Document API endpoints
Document deployment process
Document testing strategy

=== every way to write a task: arrows, colon, quotes, brackets, list marks, "Task tool"
[given .pollard/agents/say.md]
---
command: cat
---
[given list]
say: colon
say:close
say → "quoted"
say → plain
say -> "ascii arrow"
say->tight
→ say (call)
-> say (ascii call)
Task tool → say (tool)
1. say: numbered
2) say: bracket
- say: dash
* say: star
• say: bullet
   say: indented
say: "quotes belong to a prompt after a colon"
say → “typographic”
say → "a" and "b"
- → say (nested (brackets) stay)
$ pollard run -k -j 1 --progress none -f list
[stdout]
colon
close
quoted
plain
ascii arrow
tight
call
ascii call
tool
numbered
bracket
dash
star
bullet
indented
"quotes belong to a prompt after a colon"
typographic
"a" and "b"
nested (brackets) stay

=== a prompt on a line is taken literally: no template, no placeholder
[given .pollard/agents/say.md]
---
command: cat
---
$ printf '%s\n' 'say: ${{ goal }} {} {#} {task} {prompt_file} $HOME `id` \n' | pollard run --progress none
[stdout]
${{ goal }} {} {#} {task} {prompt_file} $HOME `id` \n

=== a prompt keeps its characters: Unicode, arrows, colons, a # in the middle
[given .pollard/agents/say.md]
---
command: cat
---
$ printf '%s\n' 'say: größer → 本 # 3: x' | pollard run --progress none
[stdout]
größer → 本 # 3: x

=== an empty prompt is refused with its line
[given .pollard/agents/say.md]
---
command: cat
---
$ printf '%s\n' 'say: x' 'say:' 'say → ""' '→ say ()' | pollard run
[stderr]
pollard: standard input:2: the prompt is empty
pollard: standard input:3: the prompt is empty
pollard: standard input:4: the prompt is empty
[status] 65

=== an unknown agent is refused with what was probably meant, each line of it
[given .pollard/agents/researcher.md]
---
command: cat
---
$ printf '%s\n' 'reseacher: x' 'researcher: y' '→ Researcher (z)' | pollard run
[stderr like]
pollard: standard input:1: .*'reseacher'.*did you mean 'researcher'\?.*
pollard: standard input:3: .*'Researcher'.*did you mean 'researcher'\?.*
[status] 65

=== a line that is nothing of this is an error with its number and what to write instead
[given .pollard/agents/say.md]
---
command: cat
---
$ printf '%s\n' 'say: x' 'do something' '→ say without brackets' '{' '2nd: x' | pollard run
[stderr like]
pollard: standard input:2: expected AGENT: PROMPT.*
pollard: standard input:3: expected AGENT: PROMPT.*
pollard: standard input:4:2: the text ends.*; a task object is written on one line
pollard: standard input:5: expected AGENT: PROMPT.*
[status] 65

=== Step N: begins a step like Phase:, and headings without tasks are refused
[given .pollard/agents/say.md]
---
command: cat
---
$ printf '%s\n' 'Step 1: One (and only)' '  → say (x)' 'Synchronization Point 1: Collect' | pollard run --progress none
[stdout]
x
$ printf '%s\n' 'Phase: Nothing' 'Goal: none' | pollard run
[stderr~]
^pollard: standard input:1: a step without tasks
[status] 65
$ printf '%s\n' 'Phase: P' 'Goal: a' 'Goal: b' 'say: x' | pollard run
[stderr~]
^pollard: standard input:3: a second goal
[status] 65

=== a heading that is not UTF-8 is refused, and one that acts on a terminal is shown as text
[given .pollard/agents/say.md]
---
command: cat
---
$ printf 'Phase: a\xffb\nsay: x\n' | pollard run
[stderr]
pollard: standard input:1: not valid UTF-8
[status] 65
$ printf 'Phase: a\033[31mb\nGoal: \033]0;t\007\nsay: x\n' | pollard run
[stdout]
x
[stderr!]
\\x1b
$ pollard show
[stdout!]
\\x1b
\\x07

=== the same notation with CRLF, tabs, no-break spaces and a byte order mark, as it comes off a web page
[given .pollard/agents/say.md]
---
command: cat
---
$ printf '\xef\xbb\xbfPhase:\tA\r\n\xc2\xa01.\xc2\xa0say\xc2\xa0→\xc2\xa0"one"\r\n\t-\tsay\t->\t"two"\r\n' | pollard run -k --progress none
[stdout]
one
two

=== an agent that fails is named by its task, with its prompt in what to repeat
[given .pollard/agents/say.md]
---
command: sh -c 'grep -q bad && { echo "cannot do bad things" >&2; exit 3; }; echo fine'
retries: 0
---
$ printf '%s\n' '1. say → "good"' '2. say → "bad"' | pollard run -k --progress none
[stdout]
fine
[stderr~]
^pollard: PARTIAL 1/2 \(2\)$
exit 3
cannot do bad things
[status] 1
$ pollard failed
[stdout]
2. say → "bad"
$ pollard failed | pollard run --progress none
[stderr~]
^pollard: NONE 0/1
[status] 2
