# What lies in a run directory, and what does not (spec chapter 5). Moments and damage are in test_record.py.

=== a run directory has a journal, a state, and places for long output and merged results
$ echo a | pollard run -o none --progress none -- true
$ cd "$POLLARD_STATE_DIR" && ls && ls runs | sed 's/.*/run/' && ls runs/*
[stdout like]
runs
run
STATE\.md
journal\.jsonl
lease
lock
merged
out

=== the run's id is the time in UTC and four hex digits
$ echo a | TZ=Asia/Tokyo pollard run -o none --progress none -- true
$ cd "$POLLARD_STATE_DIR/runs"; ls | cut -c1-11 | tr -d -- -; head -1 */journal.jsonl | cut -d'"' -f8 | cut -c1-13 | tr -d T-
[stdout~]
\\A(\d{10})\n\1\n\Z
$ ls "$POLLARD_STATE_DIR/runs" | grep -cE '^[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$'
[stdout]
1

=== --state-dir stands before POLLARD_STATE_DIR, that before XDG_STATE_HOME, that before HOME
$ echo a | pollard run --state-dir here -o none --progress none -- true; ls here; ls "$POLLARD_STATE_DIR"
[stdout]
runs
[status] 2
$ echo a | pollard run -o none --progress none -- true; ls "$POLLARD_STATE_DIR"
[stdout]
runs
$ unset POLLARD_STATE_DIR; echo a | pollard run -o none --progress none -- true; ls "$XDG_STATE_HOME/pollard"
[stdout]
runs
$ unset POLLARD_STATE_DIR XDG_STATE_HOME; rm -rf "$HOME/.local"; echo a | pollard run -o none --progress none -- true; ls "$HOME/.local/state/pollard"
[stdout]
runs

=== without a home there is a message that says what to do
$ unset POLLARD_STATE_DIR XDG_STATE_HOME HOME; echo a | pollard run -- touch; ls
[stderr~]
^pollard: .*--state-dir
[status] 0
$ unset POLLARD_STATE_DIR XDG_STATE_HOME HOME; echo a | pollard run --no-record --progress none -- echo
[stdout]
a

=== wrong usage and bad input leave no trace
$ echo a | pollard run --retrys 3 -- true; pollard run -f nowhere -- true; echo '{' | pollard run; test ! -e "$POLLARD_STATE_DIR"
[stderr any]

=== an empty list is on record, and with --no-record leaves no trace
$ pollard run --no-record --progress none -- true; test ! -e "$POLLARD_STATE_DIR"
$ pollard run --progress none -- true; ls "$POLLARD_STATE_DIR/runs" | wc -l
[stdout]
1

=== a relative --state-dir is taken from where -C goes
$ mkdir sub; echo a | pollard run -C sub --state-dir st -o none --progress none -- true; ls sub/st st
[stdout]
sub/st:
runs
[status] 2

=== [87] secrets of the environment are nowhere in the record
$ echo a | API_KEY=sk-very-secret-4711 pollard run --progress none -r 1 -- sh -c 'echo "${#API_KEY}"; exit 1'
[stdout]
19
[status] 2
$ grep -r sk-very-secret-4711 "$POLLARD_STATE_DIR"
[status] 1
$ API_KEY=sk-very-secret-4711 pollard show; API_KEY=sk-very-secret-4711 pollard show "" 1
[stdout!]
sk-very
[status] any

=== [87] values of a task's env are part of the task, and recorded with it
$ echo '{"run":"test $A = b","env":{"A":"b"}}' | pollard run -o none --progress none
$ grep -c '\\"env\\":{\\"A\\":\\"b\\"}' "$POLLARD_STATE_DIR"/runs/*/journal.jsonl
[stdout]
1

=== [87] a task sees the environment it was started in, and what pollard adds
$ echo a | env -i PATH="$PATH" HOME="$HOME" ONLY=this pollard run --no-record --progress none -- sh -c 'env | cut -d= -f1 | grep -v -e ^_ -e PWD -e SHLVL -e OLDPWD | sort'
[stdout]
HOME
ONLY
PATH
POLLARD_ATTEMPT
POLLARD_RESULT_FD
POLLARD_RUN
POLLARD_STEP
POLLARD_TASK
TRACEPARENT

=== --state-file that cannot be written: said once, and it is in the status
$ echo true | pollard run --shell --progress none --state-file no/such/STATE.md
[stderr~]
^pollard: cannot write 'no/such/STATE.md': No such file or directory$
[status] 74
$ echo true | pollard run --shell --progress none --state-file STATE.md && test -s STATE.md
[status] 0

=== [81] the run directory is removed while the run goes on: said, and no success
$ printf '%s\n' 'rm -r "$POLLARD_STATE_DIR"/runs/*' 'echo two' | pollard run --shell -j 1 -o none --progress none
[stderr~]
^pollard: cannot write the journal in .*: No such file or directory; what ends from here on is not on record
[status] 74

=== --resume of standard input, which no later run can know again: 64
$ echo a | pollard run --resume -- echo
[stderr~]
^pollard: '--resume' looks for the newest run of the same file or name: give '-f FILE' or '--name NAME' too$
[status] 64

=== resume without a run takes the newest that a deadline stopped, not an older one that a signal ended
$ printf '%s\n' 'echo old; kill -TERM $(ps -o ppid= -p $PPID); sleep 60' > old; printf '%s\n' 'echo a' 'test -e go || sleep 60; echo b' > new; pollard run --shell -f old > /dev/null 2>&1; pollard run --shell -f new --deadline 1 2> /dev/null; touch go; pollard resume --deadline 0 2> /dev/null
[stdout]
a
b
