# `pollard plan` and `run -n` (chapter 3): what would be done and why; nothing is started or written.

=== plan prints the waves, each task's command line, and a recommendation; nothing runs and nothing is kept
$ printf '%s\n' one 'two words' three | pollard plan -j 2 -- touch
[stdout]
plan: 1 step, 3 tasks

step 1
  recommended: parallel, because no task depends on another or writes its files
  slots: 2
  wave 1: 2 tasks
    1: touch one
    2: touch 'two words'
  wave 2: 1 task
    3: touch three
  waiting for a slot: 1 task
$ ls
[stdout]
$ test ! -e "$POLLARD_STATE_DIR/runs" || ls "$POLLARD_STATE_DIR/runs"
[stdout]

=== run -n and run --dry-run are the same as plan
$ printf 'touch a\ntouch b\n' > list
$ pollard plan --shell -f list > one; pollard run -n --shell -f list > two; pollard run --dry-run --shell -f list > three
$ cmp one two && cmp two three && ls
[stdout]
list
one
three
two

=== each edge has its reason: needs, template, the two patterns that meet, tokens
[given list]
{"id": "a", "run": "make a", "writes": ["src/**/*.c"], "tokens": "60k"}
{"id": "b", "run": "make b", "writes": ["./src/x?.c"]}
{"id": "c", "run": ["make", "c d"], "needs": ["a"]}
{"id": "d", "run": "make d", "tokens": "60k"}
{"id": "e", "run": "make e", "writes": ["src/**/*.h"]}
$ pollard plan -f list -j 0 --tokens-at-once 100k
[stdout]
plan: 1 step, 5 tasks, 120k expected tokens

step 1
  recommended: mixed, because tasks need what others yield; tasks write the same files; the expected tokens together are over the limit
  slots: as many as tasks
  expected tokens: 120k, at most 100k at once
  wave 1: 2 tasks
    a (60k tokens): make a
    e: make e
  wave 2: 3 tasks
    b: make b
    c: make 'c d'
    d (60k tokens): make d
  order
    c after a: it needs it
    b not beside a: './src/x?.c' meets 'src/**/*.c'
    d later: no room below the token limit

=== -o json gives the same as one object
[given list]
{"id": "a", "run": "make a", "writes": ["x"]}
{"id": "b", "run": "make b", "writes": ["x/y"], "tokens": 5}
$ pollard plan -f list -o json
[stdout]
{"type":"plan","name":null,"goal":null,"rehearsal":false,"backend":null,"backend_found":false,"tasks":2,"tokens":5,"steps":[{"id":"1","title":null,"goal":null,"when":null,"foreach":null,"recommendation":"sequential","reasons":["same-files"],"slots":4,"tokens":5,"tokens_at_once":0,"tasks":[{"id":"a","agent":null,"backend":null,"access":null,"command":"make a","tokens":null},{"id":"b","agent":null,"backend":null,"access":null,"command":"make b","tokens":5}],"waves":[["a"],["b"]],"edges":[{"task":"b","on":"a","reason":"conflict","pattern":"x/y","on_pattern":"x"}],"conflicts":1,"conflicts_counted":true,"merge":null}],"warnings":[]}

=== what tasks hold cannot act on the terminal; long commands are cut, which is said, and whole in JSON
$ printf 'printf "\033[31m"\n' | pollard plan --shell | tail -1
[stdout]
    1: printf "\x1b[31m"
$ printf 'echo %0200d --all b\n' 7 | pollard plan --shell | grep -c '0… (3 more words, see -o json)$'
[stdout]
1
$ printf 'echo %0200d --all b\n' 7 | pollard plan --shell -o json | grep -c '"command":"echo 0*7 --all b"'
[stdout]
1

=== bad input is refused as run refuses it, status 65, and no plan is printed
$ printf '{"id": "a", "run": "x", "needs": ["b"]}\n{"id": "b", "run": "x", "needs": ["a"]}\n' | pollard plan
[stderr~]
'needs' in a circle: a -> b -> a
[status] 65

=== of a long list a person reads the beginning, and how much more there is
$ seq 1000 | pollard plan -j 10 -- echo | tail -3
[stdout]
    200: echo 200
  ... and 80 more waves
  waiting for a slot: 990 tasks

=== a plan has no stream, and is text or JSON
$ echo a | pollard run -n --stream -- echo
[stderr~]
'--stream' and '-n'
[status] 64
$ echo a | pollard plan -o merged -- echo
[stderr~]
'-o text' or '-o json'
[status] 64

=== of a workflow each step is shown: when, foreach, merge, prompts; and agents that may meet in a work tree
[given flow.yaml]
version: 1
name: demo
goal: See what is planned
limits: { jobs: 3 }
steps:
  - id: look
    goal: Look around
    tasks:
      - { id: a, agent: helper, prompt: Look at the parser, tokens: 40k }
      - { id: b, agent: helper, prompt: Look at the printer }
    merge: concat
  - id: list
    agent: helper
    output: json
    prompt: "List what to do: ${{ steps.look.merged }}"
  - id: work
    foreach: { in: steps.list.result.items, as: item, max: 12 }
    task: { id: "${{ item.id }}", agent: helper, prompt: "${{ item.prompt }}" }
  - id: ship
    when: steps.list.result.good == true
    run: [make, ship]
[given .pollard/agents/helper.md]
---
name: helper
access: write
command: touch ran
---
[given .git/HEAD]
ref: refs/heads/main
$ pollard plan -f flow.yaml
[stdout]
plan of demo: 4 steps, 4 tasks, 40k expected tokens
goal: See what is planned

step look: Look around
  recommended: parallel, because no task depends on another or writes its files
  slots: 3
  expected tokens: 40k
  wave 1: 2 tasks
    a (40k tokens): agent helper: touch ran
      Look at the parser
    b: agent helper: touch ran
      Look at the printer
  merge: concat

step list
  recommended: sequential, because there is one task
  slots: 3
  wave 1: 1 task
    list: agent helper: touch ran
      List what to do: ${{ steps.look.merged }}

step work
  tasks: up to 12 from steps.list.result.items
  recommended: parallel, because its tasks are known when the run gets there
  slots: 3

step ship
  when: steps.list.result.good == true
  recommended: sequential, because there is one task
  slots: 3
  wave 1: 1 task
    ship: make ship

warning: step 'look': agents run side by side in the Git work tree '<DIR>' without 'writes' (such as 'a' and 'b'), and may meet in its files and its index: say what each writes, or use -j 1
$ test ! -e ran
$ pollard plan -j 1 -f flow.yaml | grep -c warning
[stdout]
0
[status] 1
