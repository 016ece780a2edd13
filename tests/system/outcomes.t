# How attempts end, the one rule of the synchronisation point, and the exit status (spec chapters 2 and 4).

=== succeeded: the command ended with 0
$ echo a | pollard run -o json --progress none -- echo
[stdout~]
"task":"1","agent":null,"attempts":1,"level":0,"status":"succeeded","reason":null,"exit":0,"signal":null,"error":null
"outcome":"all","succeeded":1,"failed":0,"skipped":0,"cancelled":0

=== failed, exit: the status of the command, whatever it is, never becomes pollard's
$ printf '%s\n' 1 2 126 127 137 255 | pollard run -k -o json --progress none -- misbehave exit
[stdout~]
"status":"failed","reason":"exit","exit":1,"signal":null
"status":"failed","reason":"exit","exit":2,
"status":"failed","reason":"exit","exit":126,
"status":"failed","reason":"exit","exit":127,
"status":"failed","reason":"exit","exit":137,"signal":null
"status":"failed","reason":"exit","exit":255,
"outcome":"none","succeeded":0,"failed":6
[status] 2

=== failed, signal: its name
$ printf '%s\n' KILL SEGV TERM | pollard run -k -o json --progress none -- misbehave signal
[stdout~]
"status":"failed","reason":"signal","exit":null,"signal":"SIGKILL"
"reason":"signal","exit":null,"signal":"SIGSEGV"
"reason":"signal","exit":null,"signal":"SIGTERM"
[status] 2

=== failed, timeout: not a crash, although a signal of pollard ended it
$ echo x | pollard run -o json --progress none -t 0.1s -- misbehave hang
[stdout~]
"status":"failed","reason":"timeout"
[stdout!]
"reason":"signal"
[status] 2

=== failed, timeout: an exit status of 0 after the signal of pollard is no success
$ echo 0 | pollard run -o json --progress none -t 0.2s -- misbehave exit-on-term
[stdout~]
"status":"failed","reason":"timeout"
[status] 2

=== failed, idle-timeout: no byte of output for so long
$ echo x | pollard run -o json --progress none --idle-timeout 0.2s -- misbehave hang
[stdout~]
"status":"failed","reason":"idle-timeout"
[status] 2

=== failed, spawn: what could not be done, and why
[given plain.txt 644]
not a program
[given list]
{"id":"none","run":["./no-such-program"]}
{"id":"mode","run":["./plain.txt"]}
{"id":"dir","run":["true"],"cwd":"no-such-dir"}
$ pollard run -k -o json --progress none -f list
[stdout~]
"task":"none".*"status":"failed","reason":"spawn".*"cannot start './no-such-program': no such file"
"task":"mode".*"reason":"spawn".*not executable
"task":"dir".*"reason":"spawn".*no such directory 'no-such-dir'
[status] 2

=== failed, spawn: an argument that the system takes for too long is told as that, before anything runs
$ head -c 200000 /dev/zero | tr '\0' x | pollard run --progress none -- echo
[stderr~]
^pollard: standard input:1: .*long
[status] 65

=== failed, agent: an agent that ends with 0 and says nothing has no answer
[given .pollard/agents/mute.md]
---
name: mute
command: cat -s /dev/null
---
[given list]
mute: say something
$ pollard run -o json --progress none -r 0 -f list
[stdout~]
"agent":"mute".*"status":"failed","reason":"agent","exit":0.*"error":"empty answer"
[status] 2

=== failed, output: not the JSON that was asked for
[given list]
{"id":"text","run":["echo","hello"],"output":"json"}
{"id":"list","run":["echo","[1]"],"output":"json"}
{"id":"two","run":["echo","{}{}"],"output":"json"}
{"id":"good","run":["echo","{\"a\": 1}"],"output":"json"}
$ pollard run -k -o json --progress none -f list
[stdout~]
"task":"text".*"status":"failed","reason":"output","exit":0
"task":"list".*"status":"failed","reason":"output"
"task":"two".*"status":"failed","reason":"output"
"task":"good".*"status":"succeeded".*"result":\{"a":1\}
[status] 1

=== failed, invalid: a bad record of a stream, with what is wrong with it; the others run
$ printf '%s\n' '{"id":"a","run":["true"]}' '{"id":"b"' '{"id":"c","run":["true"]}' | pollard run --stream -k -o json --progress none
[stdout~]
"task":"a".*"status":"succeeded"
"status":"failed","reason":"invalid"
"task":"c".*"status":"succeeded"
[status] 1

=== failed, worker: the worker died
$ echo KILL | pollard run -o json --progress none -- misbehave kill-parent
[stdout~]
"status":"failed","reason":"worker"
[status] 2

=== skipped, needs: names the failed task; a chain of them too
[given list]
{"id":"a","run":["false"]}
{"id":"b","run":["echo","b"],"needs":["a"]}
{"id":"c","run":["echo","c"],"needs":["b"]}
{"id":"d","run":["echo","d"]}
$ pollard run -k -o json --progress none -f list
[stdout~]
"task":"a".*"status":"failed","reason":"exit"
"task":"b".*"status":"skipped","reason":"needs".*needs a, 
"task":"c".*"status":"skipped","reason":"needs".*needs b, 
"task":"d".*"status":"succeeded"
"outcome":"partial","succeeded":1,"failed":1,"skipped":2,"cancelled":0
[status] 1

=== skipped, deadline: what had not started; cancelled, deadline: what ran
[given list]
{"id":"runs","run":["misbehave","hang"]}
{"id":"waits","run":["true"]}
$ pollard run -j 1 -k -o json --progress none --deadline 0.3s -f list
[stdout~]
"task":"runs".*"status":"cancelled","reason":"deadline"
"task":"waits".*"status":"skipped","reason":"deadline"
[status] 4

=== skipped, fail-fast: nothing more is started after a failed task
$ printf '%s\n' 0 3 0 | pollard run -j 1 -k -o json --progress none --fail-fast -- misbehave exit
[stdout~]
"task":"1".*"status":"succeeded"
"task":"2".*"status":"failed"
"task":"3".*"status":"skipped","reason":"fail-fast"
[status] 1

=== a task that leaves processes behind has its own result, and they are counted
$ echo 30 | pollard run -o json --progress none -- misbehave daemon
[stdout~]
"status":"succeeded".*"leftover_processes":1
[status] 0

=== the outcome all: every task succeeded, said only as progress
$ seq 3 | pollard run -o none --progress none -- true
[stderr]
$ seq 3 | pollard run -o none --progress plain -- true
[stderr~]
^pollard: 3 of 3 succeeded

=== the outcome partial: 1, and the first line of the last block names what failed
$ printf '%s\n' 0 5 0 | pollard run --name night -o none --progress none -- misbehave exit
[stderr~]
\\Apollard: night PARTIAL 2/3 \(2\)$
^  2: exit 5$
^  all of it: +pollard show <RUN> 2$
^  what to repeat: +pollard failed <RUN>$
[status] 1

=== the outcome none: 2
$ printf '%s\n' 5 6 | pollard run -o none --progress none -- misbehave exit
[stderr~]
\\Apollard: NONE 0/2 \([12], [12]\)$
[status] 2

=== --require all: one failure is not enough
$ printf '%s\n' 0 0 1 | pollard run --require all -o none --progress none -- misbehave exit
[status] 1

=== --require partial: one success is enough, none is not
$ printf '%s\n' 1 1 0 | pollard run --require partial -o none --progress none -- misbehave exit
[status] 0
$ printf '%s\n' 1 1 | pollard run --require partial -o none --progress none -- misbehave exit
[status] 2

=== --require N: as many as that
$ printf '%s\n' 0 0 1 | pollard run --require 2 -o none --progress none -- misbehave exit
[status] 0
$ printf '%s\n' 0 1 1 | pollard run --require 2 -o none --progress none -- misbehave exit
[status] 1
$ printf '%s\n' 1 1 1 | pollard run --require 2 -o none --progress none -- misbehave exit
[status] 2
$ printf '%s\n' 1 1 1 | pollard run --require 0 -o none --progress none -- misbehave exit
[status] any

=== --require N: more than there are tasks is never met, not even when all succeeded
$ seq 2 | pollard run --require 3 -o none --progress none -- true
[stderr~]
^pollard: ALL 2/2, but more were required
[status] 1

=== --require N%: of all tasks, exactly
$ printf '%s\n' 0 0 1 | pollard run --require 66% -o none --progress none -- misbehave exit
[status] 0
$ printf '%s\n' 0 0 1 | pollard run --require 67% -o none --progress none -- misbehave exit
[status] 1
$ printf '%s\n' 0 0 0 | pollard run --require 100% -o none --progress none -- misbehave exit
[status] 0

=== --require with anything else: 64, and nothing runs
$ for r in 101% -1 some 5x % ''; do seq 2 | pollard run --require "$r" -- touch; echo $?; done; ls
[stdout]
64
64
64
64
64
64

=== an empty list is 0 tasks, said; it meets every requirement but a number
$ pollard run -- echo
[stderr~]
^pollard: 0 tasks$
[status] 0
$ pollard run --require partial -- echo
[status] 0
$ pollard run --require 50% -- echo
[status] 0
$ pollard run --require 1 -- echo
[status] 1
$ pollard run -o json -- echo
[stdout like]
\{"run":"<RUN>","outcome":"all","succeeded":0,"failed":0,"skipped":0,"cancelled":0,"seconds":[0-9.]+,"sequential_seconds":0,"saved_seconds":0,"usage":null,"escalation":null\}
[stderr~]
^pollard: 0 tasks$
$ pollard run -o json -- echo > /dev/full
[stderr~]
^pollard: cannot write to standard output: No space left on device
[status] 74

=== skipped tasks count as not succeeded
[given list]
{"id":"a","run":["false"]}
{"id":"b","run":["true"],"needs":["a"]}
$ pollard run -o none --progress none --require 50% -f list
[stderr~]
\\Apollard: NONE 0/2 \(a\)$
^  1 skipped$
[status] 2

=== a command is not attempted again by default, at any level
$ printf '%s\n' 3 | pollard run -o json --progress none -- misbehave exit
[stdout~]
"attempts":1,"level":0
[status] 2
$ printf '%s\n' 3 3 | pollard run -o json --progress none -- misbehave exit
[stdout~]
"attempts":1,"level":0
"attempts":1,"level":0
[status] 2

=== an agent is attempted once more by default
[given .pollard/agents/no.md]
---
name: no
command: misbehave fail 3 {task}
---
$ printf '%s\n' 'no: a' | pollard run -o json --progress none
[stdout~]
"attempts":2,"level":1
[status] 2

=== retries of the task stand before the option's, those before the agent's
[given .pollard/agents/no.md]
---
name: no
command: misbehave fail 3
retries: 3
---
[given list]
{"id":"agent","agent":"no","prompt":"p"}
{"id":"task","agent":"no","prompt":"p","retries":0}
$ pollard run -j1 -o none --progress none -f list; pollard show | grep -E 'agent|task'
[stdout~]
no \(agent\) → ❌ Failed after 4 attempts
no \(task\) → ❌ Failed: exit 3
$ pollard run -j1 -o none --progress none -r 1 -f list; pollard show | grep -E 'agent|task'
[stdout~]
no \(agent\) → ❌ Failed after 2 attempts
no \(task\) → ❌ Failed: exit 3
$ pollard run -j1 -o none --progress none -r 0 -f list; pollard show | grep -E 'agent|task'
[stdout~]
no \(agent\) → ❌ Failed: exit 3
no \(task\) → ❌ Failed: exit 3

=== never attempted again: spawn
[given .pollard/agents/gone.md]
---
name: gone
command: ./no-such-program
---
$ printf '%s\n' 'gone: a' 'gone: b' | pollard run -r 5 -o json --progress none
[stdout~]
"attempts":1.*"reason":"spawn"
"attempts":1.*"reason":"spawn"
[stdout!]
"attempts":2
[status] 2

=== never attempted again: invalid
$ printf '%s\n' '{"id":"a","run":"true"}' '{"id":"b"' | pollard run --stream -r 5 -o json --progress none
[stdout~]
"reason":"invalid"
[stdout!]
"attempts":[2-9]
[status] 1

=== exit status 64: wrong usage
$ pollard run --no-such-option
[status] 64
$ pollard run -j x -- echo
[status] 64
$ pollard nonsense
[status] 64
$ pollard
[status] 64

=== exit status 65: bad input, all of it said, and nothing was run, nothing written
$ printf '%s\n' '{"id":"a","run":["touch","ran"]}' '{"id":"a","run":"true"}' '{"run":1}' 'what is this' | pollard run
[stderr~]
^pollard: standard input:2: 
^pollard: standard input:3: 
^pollard: standard input:4: 
[status] 65
$ test ! -e ran && test ! -e "$POLLARD_STATE_DIR"

=== exit status 65: an unknown agent
$ printf '%s\n' 'nobody-knows: do it' | pollard run
[stderr~]
nobody-knows
[status] 65
$ echo 'do it' | pollard run --agent nobody-knows
[stderr~]
nobody-knows
[status] any

=== exit status 66: the input file is missing
$ pollard run -f nowhere.txt -- echo
[stderr~]
^pollard: .*nowhere.txt.*No such file
[status] 66

=== exit status 66: there is no run to read
$ pollard show
[status] 66
$ echo a | pollard run -o none --progress none -- true
$ pollard show 2001
[stderr~]
^pollard: no run '2001'
[status] 66

=== exit status 73: the state cannot be created
[given file]
not a directory
$ echo a | pollard run --state-dir file/state -- echo
[stderr~]
^pollard: cannot .*file
[status] 73

=== exit status 74: input that cannot be read, output that cannot be written
$ pollard run -- echo < /
[status] 74
$ seq 3 | pollard run --progress none -- echo > /dev/full
[stderr~]
^pollard: cannot write to standard output: No space left on device
[status] 74
$ pollard status > /dev/full
[status] 74
$ pollard show > /dev/full
[status] 74
$ pollard failed > /dev/full
[status] any

=== exit status 74 stands before those of the tasks
$ printf '%s\n' 3 3 | pollard run --progress none -- misbehave fail 3 > /dev/full
[status] any
$ printf '%s\n' 1 2 | pollard run --progress none --shell -f <(echo 'echo out; exit 3') > /dev/full
[status] 74

=== exit status 78: an agent that nobody can run
[given .pollard/agents/idle.md]
---
name: idle
---
You are idle.
$ printf '%s\n' 'idle: do it' | pollard run
[stderr~]
^pollard: agent 'idle' has no command
[status] 78
$ test ! -e "$POLLARD_STATE_DIR"

=== exit status 4 stands before 2 and 1: the deadline stopped the run
$ printf '%s\n' 0 9 | pollard run -j1 -o none --progress none --deadline 0.3s --shell -f <(printf '%s\n' 'exit 3' 'misbehave hang')
[status] 4
$ printf '%s\n' x | pollard run -o none --progress none --deadline 0.2s -- misbehave hang
[stderr~]
\\Apollard: NONE 0/1, stopped by the deadline$
[status] 4

=== the deadline of the last step is not taken for that of the run
[given flow.yaml]
version: 1
steps:
  - { id: a, run: [misbehave, hang], limits: { deadline: 0.2s } }
$ pollard run -f flow.yaml -o none --progress none
[stderr~]
\\Apollard: flow.yaml NONE 0/1, cut short by a step's deadline$
[status] 4

=== 0 stands before 4: the requirement was met before the deadline
$ printf '%s\n' 'true' 'misbehave hang' | pollard run -o none --progress none --require 1 --deadline 2s --shell
[stderr~]
\\Apollard: PARTIAL 1/2, stopped by the deadline$
[status] 0

=== [85] what tasks print is made safe before it reaches standard error, and standard output has every byte
$ echo fail | pollard run --progress plain -- misbehave escapes out | od -c | head -1
[stdout any]
[stderr!]
[\x00-\x08\x0b-\x1f\x7f]
[status] any

=== [86] names and arguments with escape sequences do not act on the terminal in messages
$ printf 'a\n' | pollard run --name "$(printf 'n\033]0;x\007\302\233')" --progress plain -- "$(printf './no\033[2Jsuch')"
[stderr!]
[\x00-\x08\x0b-\x1f\x7f\x9b]
[stderr~]
^pollard: .*NONE 0/1
[status] 2
$ pollard run -f "$(printf 'no\033[2Jfile')" -- echo
[stderr!]
[\x00-\x08\x0b-\x1f\x7f]
[status] 66
$ printf '{"id":"\\u001b[2J","run":"true"}\n' | pollard run
[stderr!]
[\x00-\x08\x0b-\x1f\x7f]
[status] 65
$ printf '\033[2J: p\n' | pollard run
[stderr!]
[\x00-\x08\x0b-\x1f\x7f]
[status] 65
$ pollard show "$(printf '\033[2J')"; pollard status; pollard show
[stdout!]
[\x00-\x08\x0b-\x1f\x7f\x9b]
[stderr!]
[\x00-\x08\x0b-\x1f\x7f]
[status] any
