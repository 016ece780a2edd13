# The reading commands: status, show, failed, clean (spec chapters 2 and 5).

=== status: one line a run, the newest first, with name, how it went, when, how long, how many tasks
$ echo a | pollard run --name first -o none --progress none -- true
$ printf 'a\nb\n' | pollard run --name second -o none --progress none --shell -f <(printf 'true\nfalse\n')
[status] 1
$ echo a | pollard run -o none --progress none -- false
[status] 2
$ pollard status
[stdout like]
<RUN>  -                         failed                  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d+\.\ds +1 task
<RUN>  second                    partial 1/2             \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d+\.\ds +2 tasks
<RUN>  first                     complete                \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d+\.\ds +1 task

=== status with no run yet is no error, and makes nothing
$ pollard status
[stderr~]
^pollard: no runs in '.*' yet
$ test ! -e "$POLLARD_STATE_DIR"

=== status: a long or strange name stays one line in its column
$ echo a | pollard run --name "$(printf 'ab\ncd\033[31m漢字漢字漢字漢字漢字漢字漢字漢字')" -o none --progress none -- true; pollard status
[stdout~]
\\A<RUN>  ab.*… +complete .*1 task\n\Z
[stdout!]
[\x1b]

=== show: the state of the newest run, and where it lies
$ echo a | pollard run -o none --progress none -- echo hello; pollard show
[stdout like]
# <RUN>
- \*\*Status\*\*: ✅ Complete: 1 of 1 succeeded

### Step 1 \(Sequential\)
- \*\*Status\*\*: ✅ Complete: 1 of 1 succeeded
- \*\*Tasks\*\*:
  1\. 1 → ✅ hello a
- \*\*Result Summary\*\*: hello a

Run directory: <BASE>/state/runs/<RUN>

=== show RUN TASK: every attempt with its reason, limits, output
[given .pollard/agents/w.md]
---
name: w
command: sh -c 'cat >/dev/null; echo out $POLLARD_ATTEMPT; echo err $POLLARD_ATTEMPT >&2; [ $POLLARD_ATTEMPT = 2 ]'
---
$ echo 'w: do it' | pollard run -o none --progress none; pollard show "$(ls "$POLLARD_STATE_DIR/runs")" 1
[stdout~]
^task 1$
^  agent      w$
^  input      w: do it$
^attempt 1: failed \(exit\): exit 1$
^out 1$
^err 1$
^attempt 2: succeeded$
^out 2$
^err 2$
^after 2 attempts: succeeded$

=== show RUN TASK: long output comes from out/, whole
$ echo 50000 | pollard run -o none --progress none -- sh -c 'seq $0'; pollard show "$(ls "$POLLARD_STATE_DIR/runs")" 1 | grep -cE '^[0-9]+$'
[stdout]
50000

=== show RUN TASK: a task that is not there: 65 and how to see which there are
$ echo a | pollard run -o none --progress none -- true; pollard show "$(ls "$POLLARD_STATE_DIR/runs")" nobody
[stderr~]
^pollard: run '<RUN>' has no task 'nobody'; 'pollard show <RUN>' lists its tasks
[status] 65

=== any unique prefix of an id is that run; one that is not unique says which there are
$ for i in one two; do echo $i | pollard run -o none --progress none -- echo; cd "$POLLARD_STATE_DIR/runs"; mv "$(ls | tail -1)" 20260101-00000$((++n))-abcd; cd "$OLDPWD"; done
$ for r in 20260101-000001-abcd 20260101-000001-a 20260101-000001 20260101-000002; do pollard show $r | grep Summary; done
[stdout]
- **Result Summary**: one
- **Result Summary**: one
- **Result Summary**: one
- **Result Summary**: two
$ pollard show 20260101-00000
[stderr~]
^pollard: run '20260101-00000' can be '<RUN>' or '<RUN>': give more of it
[status] 66
$ pollard failed 2; pollard show 1
[stderr~]
can be
no run '1'
[status] 66

=== a run is no path: nothing is read from elsewhere
[given evil/journal.jsonl]
x
$ mkdir -p "$POLLARD_STATE_DIR/runs"; chmod -R go-rwx "$POLLARD_STATE_DIR"; cp -r evil "$POLLARD_STATE_DIR/"; for r in ../evil . .. / '' '*' "$PWD/evil"; do pollard show "$r"; echo $?; done 2>/dev/null
[stdout]
66
66
66
66
66
66
66

=== failed | run: lines of a command, as they were
$ printf 'a b\n  * $HOME\n"q"\n' > list; pollard run -o none --progress none -- false < list
[status] 2
$ pollard failed | cmp - list
$ pollard failed | pollard run -k --progress none -- printf '<%s>\n'
[stdout]
<a b>
<  * $HOME>
<"q">

=== failed | run: only what did not succeed, in the order of the list
$ printf '%s\n' 0 3 0 5 | pollard run -o none --progress none -- misbehave exit
[status] 1
$ pollard failed
[stdout]
3
5
$ pollard failed | pollard run -o none --progress none -- true && pollard failed

=== failed | run: --shell lines, without comments and blank lines
$ printf '# comment\n\ntrue\necho "a  b"; false\n' | pollard run --shell -o none --progress none
[status] 1
$ pollard failed
[stdout]
echo "a  b"; false

=== failed -0 round trip: NUL-terminated records with newlines in them
$ printf 'a\nb\0c\0\n\0' > list; pollard run -0 -o none --progress none -- false < list
[status] 2
$ pollard failed | cmp - list
$ pollard failed | pollard run -0 -k -o json --progress none -- true | grep -c succeeded
[stdout]
4

=== failed | run: bytes that are not UTF-8 come back as they were
$ printf 'a\377\376\n\303(\n' > list; pollard run -o none --progress none -- false < list
[status] 2
$ pollard failed | cmp - list
$ pollard failed | pollard run -k --progress none -- printf '%s\n' | cmp - list

=== failed | run: prompts for an agent, and the seed's notation in all its forms
[given .pollard/agents/no.md]
---
name: no
command: misbehave fail 3
---
[given list]
no: first
no → "second"
no -> third
→ no (fourth)
Task tool → no (fifth)
1. no: sixth
- no → "seventh"
$ pollard run -r 0 -o none --progress none -f list
[status] 2
$ pollard failed | cmp - list
$ pollard failed | pollard run -r 0 -o none --progress none
[status] 2
$ pollard failed | cmp - list
$ printf 'one: two\n{"three"}\n' > prompts; pollard run --agent no -r 0 -o none --progress none < prompts
[status] 2
$ pollard failed | cmp - prompts

=== failed | run: task objects, without the needs that are met already
[given list]
{"id":"a","run":"true"}
{"id":"b","run":["false"],"needs":["a"],"x-mine":{"k":[1,2]},"env":{"E":"ü"}}
{"id":"c","run":"true","needs":["b","a"]}
{"id":"d","run":"true","needs":["a"]}
$ pollard run -o none --progress none -f list
[status] 1
$ pollard failed
[stdout]
{"id":"b","run":["false"],"x-mine":{"k":[1,2]},"env":{"E":"ü"}}
{"id":"c","run":"true","needs":["b"]}
$ pollard failed | pollard run -k -o json --progress none
[stdout~]
"task":"b".*"status":"failed"
"task":"c".*"status":"skipped","reason":"needs"
[status] 2

=== failed: a line of a command that looks like a task object is a line
$ printf '{"id":"b","needs":["1"],  "run":1}\n' > list; (echo x; cat list) | pollard run -o none --progress none -- test x =
[status] 1
$ pollard failed | cmp - list

=== failed: interrupted and skipped tasks are among them
$ printf '%s\n' false 'echo second' | pollard run --fail-fast -j1 --shell -o none --progress none
[status] 2
$ pollard failed
[stdout]
false
echo second

=== failed: a bad record of a stream is there too, as it was
$ printf '%s\n' '{"run":"true"}' '{"rum":"x"}' | pollard run --stream -o none --progress none
[status] 1
$ pollard failed
[stdout]
{"rum":"x"}

=== clean: the rule of 100 runs and 30 days when nothing is said; --keep and --older each alone
$ for i in 1 2 3; do echo $i | pollard run --name n -o none --progress none -- true; done; echo x | pollard run -o none --progress none -- true
$ pollard clean
[stdout]
removed 0 runs, kept 4
$ pollard clean --keep 1
[stdout]
removed 2 runs, kept 2
$ pollard clean --older 1h
[stdout]
removed 0 runs, kept 2
$ pollard clean --keep 0
[stdout]
removed 2 runs, kept 0
$ ls -A "$POLLARD_STATE_DIR/runs"; pollard clean
[stdout]
removed 0 runs, kept 0

=== a run that ended before its first record, as on a full disk: no advice that leads nowhere, and clean takes it away
$ (ulimit -f 0; echo a | pollard run --progress none -- true; echo "status $?") 2>&1 | cat >all; cat all
[stdout~]
^pollard: cannot write the journal
^status 74$
[stdout!]
pollard (show|failed|resume)
$ pollard failed
[stderr~]
^pollard: run '<RUN>' ended before its first record: nothing was started, run it again$
[status] 66
$ pollard clean; pollard clean --older 1h
[stdout]
removed 0 runs, kept 1
removed 0 runs, kept 1
$ pollard clean --keep 0
[stdout]
removed 1 run, kept 0

=== clean: a journal with nothing but garbage can go, one that could be set right cannot
$ for i in 1 2; do echo a | pollard run -o none --progress none -- true; done; cd "$POLLARD_STATE_DIR/runs"; set -- *; echo garbage >$1/journal.jsonl; sed -i '1s/.*/garbage/' $2/journal.jsonl; pollard clean --keep 0; test ! -e $1 && test -e $2
[stdout]
removed 1 run, kept 1 (1 of them only because it has not finished)

=== of a stream that was cut it is said what has to be run anew, and nothing is advised when nothing is left
$ seq 3 | pollard run --stream -o none --progress none -- true; sed -i '/"input-ended"/,$d' "$POLLARD_STATE_DIR"/runs/*/journal.jsonl
$ pollard resume --progress none
[stderr~]
^  the list was cut after record 3: what followed was never read, give it to a run of its own$
[stderr!]
pollard (failed|resume)
[status] 1
$ pollard resume --progress none
[stderr~]
^  the list was cut after record 3: what followed was never read, give it to a run of its own$
[stderr!]
pollard (failed|resume)
[status] 1

=== of a stream that was cut and of which something failed both is said
$ printf 'true\nfalse\n' | pollard run --stream -o none --progress none --shell; sed -i '/"input-ended"/,$d' "$POLLARD_STATE_DIR"/runs/*/journal.jsonl
[status] any
$ pollard resume --progress none
[stderr~]
^  the list was cut after record 2
pollard failed <RUN>$
pollard resume --retry-failed <RUN>$
[status] 1

=== clean: the newest of each name are kept
$ for n in a b a b a; do echo x | pollard run --name $n -o none --progress none -- true; done
$ pollard clean --keep 1; pollard status | awk '{print $2}' | sort
[stdout]
removed 3 runs, kept 2
a
b

=== clean: what is not named like a run is left alone, and links are not followed
[given precious/file]
keep me
$ echo x | pollard run -o none --progress none -- true; cd "$POLLARD_STATE_DIR/runs"; mkdir notes; run=$(ls -d 2*); ln -s <DIR>/precious "$run/link"
[status] any
$ cd "$POLLARD_STATE_DIR/runs"; run=$(ls -d 2*); ln -sfn "$OLDPWD/precious" "$run/link"; pollard clean --keep 0; ls; cat "$OLDPWD/precious/file"
[stdout]
removed 1 run, kept 0
notes
keep me

=== wrong arguments of the reading commands: 64
$ for c in 'status x' 'show a b c' 'failed a b' 'clean x' 'clean --keep -1' 'clean --older soon' 'show --jobs 3'; do pollard $c 2>/dev/null; echo $?; done
[stdout]
64
64
64
64
64
64
64

=== reading needs no lock and writes nothing
$ echo a | pollard run -o none --progress none -- false; cd "$POLLARD_STATE_DIR"; find . -printf '%p %s %T@\n' | sort > ../before; pollard status; pollard show; pollard failed; find . -printf '%p %s %T@\n' | sort | cmp - ../before
[stdout any]
[status] 0
