# Agents by definition file (chapter 7): where they are looked for, what is understood, what is refused.

=== the prompt comes on standard input, after the system prompt and an empty line
[given .pollard/agents/say.md]
---
name: say
description: prints what it was given
command: cat
---

You are a parrot.
Repeat.

$ pollard run --progress none --agent say <<< 'the prompt'
[stdout]
You are a parrot.
Repeat.

the prompt

=== {system_file} takes the system prompt out of standard input, {prompt_file} the prompt
[given .pollard/agents/sys.md]
---
command: sh -c 'echo "system: $(cat "$1")"; echo "input: $(cat)"' sh {system_file}
---
Be brief.
[given .pollard/agents/both.md]
---
command: sh -c 'echo "system: $(cat "$1")"; echo "prompt: $(cat "$2")"; echo "input: $(cat)"' sh {system_file} {prompt_file}
---
Be brief.
[given .pollard/agents/file.md]
---
command: sh -c 'echo "file: $(cat "$1")"; echo "input: $(cat)"' sh {prompt_file}
---
Be brief.
[given .pollard/agents/none.md]
---
command: sh -c 'echo "system: $(cat "$1")"; echo "input: $(cat)"' sh {system_file}
---
$ printf '%s\n' 'sys: one' 'both: two' 'file: three' 'none: four' | pollard run -k --progress none
[stdout]
system: Be brief.
input: one
system: Be brief.
prompt: two
input: 
file: Be brief.

three
input: 
system: 
input: four

=== {model} and {task} are replaced inside words, other braces stay, and what a prompt brings is not read again
[given .pollard/agents/args.md]
---
command: misbehave args --model={model} {task}/{task} {} {#} {other} '{model} x' "it's"
model: big-2
---
[given .pollard/agents/nomodel.md]
---
command: misbehave args [{model}]
model: inherit
---
$ printf '%s\n' '{"id":"t.1","agent":"args","prompt":"{task} {model}"}' '{"agent":"nomodel","prompt":"x"}' | pollard run -k --progress none
[stdout]
\[--model=big-2]
\[t.1/t.1]
\[{}]
\[{#}]
\[{other}]
\[big-2 x]
\[it's]
\[[]]

=== the command is split as a shell would, without a shell
[given .pollard/agents/words.md]
---
command: misbehave args 'a b' "c 'd'" e\ f $HOME `id` * ; | ~ a"b"c ''
---
$ pollard run --progress none --agent words <<< x
[stdout]
\[a b]
\[c 'd']
\[e f]
\[$HOME]
\[`id`]
\[*]
\[;]
\[|]
\[~]
\[abc]
\[]

=== an agent knows which it is, and standard input is closed after the prompt
[given .pollard/agents/env.md]
---
command: sh -c 'cat > /dev/null; echo "$POLLARD_AGENT $POLLARD_TASK $POLLARD_STEP $POLLARD_ATTEMPT"'
---
$ pollard run --progress none --agent env <<< x
[stdout]
env 1 1 1

=== search order: .pollard before .claude before .opencode before .gemini, here before home
[given .pollard/agents/a.md]
---
command: echo pollard
---
[given .claude/agents/a.md]
---
command: echo claude
---
[given .claude/agents/b.md]
---
command: echo claude
---
[given .opencode/agent/b.md]
---
command: echo opencode
---
[given .opencode/agent/c.md]
---
command: echo opencode
---
[given .gemini/agents/c.md]
---
command: echo gemini
---
[given .gemini/agents/d.md]
---
command: echo gemini
---
$ mkdir -p "$HOME/.claude/agents" "$HOME/.gemini/agents" "$XDG_CONFIG_HOME/pollard/agents"
> printf -- '---\ncommand: echo home\n---\n' | tee "$HOME/.claude/agents/d.md" "$HOME/.claude/agents/e.md" > /dev/null
> printf -- '---\ncommand: echo config\n---\n' > "$XDG_CONFIG_HOME/pollard/agents/e.md"
> printf -- '---\ncommand: echo home gemini\n---\n' > "$HOME/.gemini/agents/f.md"
$ printf '%s\n' a:x b:x c:x d:x e:x f:x | pollard run -k --progress none
[stdout]
pollard
claude
opencode
gemini
config
home gemini
$ pollard agents a
[stdout~]
^agent: +a$
\.pollard/agents/a\.md
hides.*\.claude/agents/a\.md

=== an agent that ships is replaced by one of the project
[given .claude/agents/my-researcher.md]
---
name: researcher
command: echo mine
---
$ pollard run --progress none --agent researcher <<< x
[stdout]
mine
$ pollard agents | grep researcher
[stdout~]
\.claude/agents/my-researcher\.md

=== a name is that of `name:`, else the file's, also when `name:` is a title
[given .pollard/agents/stem.md]
---
name: Code Reviewer
command: echo stem
---
[given .pollard/agents/other.md]
---
name: named
command: echo named
---
$ printf '%s\n' 'stem: x' 'named: x' | pollard run -k --progress none
[stdout]
stem
named
$ pollard run <<< 'other: x'
[stderr~]
^pollard: standard input:1: no agent 'other'
[status] 65

=== two files of one directory with one name are refused, both named; others there can still be used
[given .pollard/agents/one.md]
---
name: twin
command: echo one
---
[given .pollard/agents/two.md]
---
name: twin
command: echo two
---
[given .pollard/agents/fine.md]
---
command: echo fine
---
$ pollard run <<< 'twin: x'
[stderr~]
^pollard: standard input:1: .*twin.*\.pollard/agents/one\.md.*\.pollard/agents/two\.md
[status] 65
$ pollard run --progress none <<< 'fine: x'
[stdout]
fine
$ pollard agents twin
[stderr~]
one\.md.*two\.md
[status] 65

=== front matter that is no YAML is understood line by line
[given .claude/agents/hard.md]
---
name: hard
description: Use when: you need it. Examples: <example>user: "hi"</example> #1 [x {y
  and a second: line
tools: Read, Grep, Glob
model: "sonnet"
command: misbehave args {model}
color: @blue
not a key at all
---
Body: with --- inside
---
more
$ pollard run --progress none --agent hard <<< x
[stdout]
\[sonnet]
$ pollard agents hard
[stdout~]
Use when: you need it

=== front matter in all its forms: CRLF, a byte order mark, blocks, lists, quotes, no newline at the end
[given .pollard/agents/list.md]
---
command:
  - misbehave
  - args
  - "a b"
  - 'c: d'
---
$ printf '\xef\xbb\xbf---\r\nname: crlf\r\ncommand: cat\r\n---\r\nBody.\r\n' > .pollard/agents/crlf.md
> printf -- '---\ndescription: |\n  two\n  lines\ncommand: echo end\n---' > .pollard/agents/end.md
$ printf '%s\n' 'list: x' 'crlf: y' 'end: z' | pollard run -k --progress none
[stdout]
\[a b]
\[c: d]
Body.

y
end

=== a bad file is a warning about that file, and only when it could be the one that was meant
[given .pollard/agents/fine.md]
---
command: cat
---
[given .pollard/agents/nofront.md]
Just some notes.
[given .pollard/agents/open.md]
---
name: open
[given .pollard/agents/quote.md]
---
command: sh -c 'oops
---
[given .pollard/agents/README.md]
# about these agents
$ printf -- '---\nname: nul\n---\na\0b' > .pollard/agents/nul.md
> printf -- '---\nname: %s\n---\n' "$(head -c 100 /dev/zero | tr '\0' x)" > '.pollard/agents/bad name.md'
> truncate -s 2M .pollard/agents/large.md; ln -s nowhere .pollard/agents/dangling.md; mkdir .pollard/agents/dir.md
$ pollard run <<< 'fine: x'
[stdout]
x
[stderr!]
warning
$ pollard run <<< 'quote: x'
[stderr~]
warning: agent file '.*quote\.md'.*quote in its 'command'
no agent 'quote'
[status] 65
$ pollard agents
[stdout any]
[stderr~]
nofront\.md.*no front matter
[stderr~]
open\.md
[stderr~]
nul\.md.*NUL
[stderr~]
bad name\.md
[stderr~]
large\.md.*1 MiB
[stderr~]
dangling\.md
[stderr!]
README\.md
fine\.md

=== a FIFO, a device or a socket as an agent file is not waited for
[given .pollard/agents/fine.md]
---
command: cat
---
$ mkfifo .pollard/agents/fifo.md; ln -s /dev/zero .pollard/agents/zero.md
$ pollard run --progress none <<< 'fine: x'
[stdout]
x
$ pollard agents
[stdout any]
[stderr~]
fifo\.md.*no regular file
zero\.md.*no regular file

=== agent directories that are files, or cannot be entered, harm nothing
$ mkdir .pollard; echo x > .pollard/agents; echo x > .claude; mkdir -p .gemini/agents
> printf -- '---\ncommand: cat\n---\n' > .gemini/agents/say.md
$ pollard run --progress none <<< 'say: x'
[stdout]
x

=== an agent without a command is told before anything starts, with what to write
[given .pollard/agents/bare.md]
---
name: bare
description: no command
---
You are.
[given list]
{"run":"touch ran"}
bare: x
$ pollard run -f list
[stderr~]
^pollard: agent 'bare' has no command, and none of 'claude', .* is on PATH: install one \(npm .*\), put 'command: PROGRAM' into .*bare\.md
[status] 78
$ test ! -e ran

=== an unknown agent with --agent is one message, however long the list is
$ seq 100 | pollard run --agent nobody
[stderr like]
pollard: standard input: no agent 'nobody'.*
[status] 65

=== keys of the file: timeout, retries, output; a bad one is a warning and does not count
[given .pollard/agents/slow.md]
---
command: misbehave hang
timeout: 100ms
retries: 0
---
[given .pollard/agents/json.md]
---
command: echo nothing of the kind
output: json
retries: 0
---
[given .pollard/agents/odd.md]
---
command: cat
timeout: soon
retries: many
---
$ printf '%s\n' 'slow: x' 'json: x' 'odd: fine' | pollard run -k --progress none
[stdout~]
^fine$
[stderr~]
^pollard: PARTIAL 1/3
[status] 1
$ pollard run -o json --progress none <<< 'slow: x'
[stdout~]
"reason":"timeout"
[status] 2
$ pollard agents odd
[stdout any]
[stderr~]
warning: agent file '.*odd\.md'.*does not count

=== an agent is tried once more when it fails, and the second prompt says what happened
[given .pollard/agents/flaky.md]
---
command: sh -c 'cat > prompt.$POLLARD_ATTEMPT; test $POLLARD_ATTEMPT = 2 || { echo "the disk is on fire" >&2; exit 4; }; echo saved'
---
$ pollard run --progress none <<< 'flaky: put it out'
[stdout]
saved
$ cat prompt.1
[stdout]
put it out
$ cat prompt.2
[stdout~]
^put it out
the disk is on fire

=== an answer without its last newline gets one; what a command wrote does not
[given .pollard/agents/say.md]
---
command: printf '%s'
---
$ printf '%s\n' '{"agent":"say","prompt":"x"}' '{"run":"printf no-newline"}' > list
$ printf '%s\n' '---' 'command: printf answer' '---' > .pollard/agents/say.md
$ pollard run -k --progress none -f list
[stdout no-newline]
answer
no-newline

=== `pollard agents`: a table of what can be used and where it comes from; names that are none
[given .pollard/agents/say.md]
---
description: says it
command: cat
---
$ pollard agents
[stdout~]
^say +\.pollard/agents/ +cat +says it$
$ pollard agents saay
[stderr~]
^pollard: unknown agent 'saay'; did you mean 'say'\?
[status] 65
$ pollard agents zzzzzz
[stderr~]
^pollard: unknown agent 'zzzzzz'
[status] 65
$ pollard agents say extra
[stderr~]
^pollard: .*extra
[status] 64
$ pollard agents > /dev/full
[stderr~]
^pollard: .*standard output
[status] 74

=== without any agent of one's own, those that ship are there
$ pollard agents
[stdout~]
researcher

=== definition files that act on a terminal are shown as text
$ mkdir -p .pollard/agents; printf -- '---\nname: esc\ndescription: a\033[31mb\007\xe2\x80\xae\ncommand: cat\n---\n\033]0;x\007\n' > .pollard/agents/esc.md
$ pollard agents
[stdout!]
\\x1b
\\x07
$ pollard agents esc
[stdout!]
\\x1b
\\x07

=== the client's own words on standard error stay in the record
[given .pollard/agents/loud.md]
---
command: sh -c 'echo progress >&2; echo answer'
---
$ pollard run <<< 'loud: x'
[stdout]
answer
[stderr!]
progress$
