# How attempts end, and what is left of them. The numbers are those of the catalogue of faults.

=== [38] a command that closes its output and goes on is waited for
$ echo 0.2 | pollard run -- sh -c 'misbehave close-early $0; echo done >file'
[stdout]
closing
$ cat file
[stdout]
done

=== [39] a command that ends while its child holds the pipe: not waited for, killed, counted
$ echo 60 | pollard run -o json -- misbehave grandchild 2>/dev/null | python3 -c '
> import json, sys
> r = json.loads(sys.stdin.read().split("\n")[0])
> print(r["status"], repr(r["stdout"]), r["leftover_processes"], r["seconds"] < 10)'
[stdout]
succeeded 'parent done\n' 1 True

=== [39] leftovers that ignore SIGTERM are killed, and a failed task keeps its own reason
$ echo x | pollard run -o json --progress none -- sh -c 'misbehave grandchild 60 ignore-term; exit 7' 2>/dev/null | python3 -c '
> import json, sys
> r = json.loads(sys.stdin.read().split("\n")[0])
> print(r["status"], r["reason"], r["exit"], r["leftover_processes"])'
[stdout]
failed exit 7 1
[status] 2

=== [40] a daemon (two forks, a session of its own, deaf to SIGTERM, without its environment) is killed and counted
$ echo 60 | pollard run -o json -- sh -c 'misbehave daemon $0 ignore-term quiet clean-env; misbehave daemon $0' 2>/dev/null | python3 -c '
> import json, sys
> r = json.loads(sys.stdin.read().split("\n")[0])
> print(r["status"], r["leftover_processes"])'
[stdout]
succeeded 2

=== [40] a whole tree of processes, and one that forks away from whoever looks
[limit] 40
$ printf '%s\n' 'misbehave forktree 3 3 60 & sleep 0.2' 'misbehave forkrun 60 & sleep 0.2' | pollard run -k -o json --shell 2>/dev/null | python3 -c '
> import json, sys
> a, b = map(json.loads, sys.stdin.read().split("\n")[:2])
> print(a["status"], a["leftover_processes"], b["status"], b["leftover_processes"] >= 0)'
[stdout]
succeeded 40 succeeded True

=== [40] processes that end by themselves a moment later are no leftovers
$ echo x | pollard run -o json -- bash -c 'tee /dev/null > >(cat) <<<hi' 2>/dev/null | python3 -c '
> import json, sys
> r = json.loads(sys.stdin.read().split("\n")[0])
> print(r["status"], r["leftover_processes"])'
[stdout]
succeeded 0

=== [46] exit statuses and signals are told apart
$ printf '%s\n' 0 1 126 127 137 255 | pollard run -k -o json --progress none -- misbehave exit 2>/dev/null | python3 -c '
> import json, sys
> for r in [json.loads(line) for line in sys.stdin][:-1]: print(r["status"], r["reason"], r["exit"], r["signal"])'
[stdout]
succeeded None 0 None
failed exit 1 None
failed exit 126 None
failed exit 127 None
failed exit 137 None
failed exit 255 None
[status] 1
$ printf '%s\n' KILL TERM SEGV PIPE USR1 USR2 | pollard run -k -o json --progress none -- misbehave signal 2>/dev/null | python3 -c '
> import json, sys
> for r in [json.loads(line) for line in sys.stdin][:-1]: print(r["status"], r["reason"], r["exit"], r["signal"])'
[stdout]
failed signal None SIGKILL
failed signal None SIGTERM
failed signal None SIGSEGV
failed signal None SIGPIPE
failed signal None SIGUSR1
failed signal None SIGUSR2
[status] 2

=== [46] one that prints success and ends with 1 has failed
$ echo 1 | pollard run --progress none -- misbehave lie
[stdout]
Success! Everything went well.
[stderr~]
^pollard: NONE 0/1 \(1\)$
^  1: exit 1$
[status] 2

=== [47] a timeout: SIGTERM, and what ends then has still timed out, whatever its status
$ echo x | pollard run -t 300ms -o json --progress none -- sh -c 'exec misbehave exit-on-term 0' 2>/dev/null | python3 -c '
> import json, sys
> r = json.loads(sys.stdin.read().split("\n")[0])
> print(r["status"], r["reason"], r["exit"], repr(r["stdout"]), r["error"], r["seconds"] < 5)'
[stdout]
failed timeout 0 'ready\nending as asked\n' timed out after 0.3s True
[status] 2

=== [47] deaf to SIGTERM: SIGKILL after the grace, and that signal is not called a crash
$ echo x | pollard run -t 200ms --grace 200ms -o json --progress none -- sh -c 'exec misbehave ignore-term' 2>/dev/null | python3 -c '
> import json, sys
> r = json.loads(sys.stdin.read().split("\n")[0])
> print(r["status"], r["reason"], r["signal"], 0.4 <= r["seconds"] < 5)'
[stdout]
failed timeout SIGKILL True
[status] 2

=== [47] --grace 0 kills at once, also a tree that is deaf
$ echo 2 | pollard run -t 200ms --grace 0 --progress none -- sh -c 'trap "" TERM; misbehave forktree 2 $0 60'
[stderr~]
timed out after
[status] 2

=== [47] --idle-timeout: no byte for so long ends the attempt, a byte now and then does not
$ echo x | pollard run --idle-timeout 300ms --progress none -- sh -c 'echo begun; sleep 60'
[stdout]
begun
[stderr~]
^  1: no output for 0\.3s$
[status] 2
$ echo 12 | pollard run --idle-timeout 2s --progress none -- misbehave tick 0.2 >out; tail -n 1 out
[stdout]
tick 12
$ echo 12 | pollard run --idle-timeout 2s --progress none -- sh -c 'misbehave tick 0.2 $0 >&2'
[stderr~]
tick 12

=== [47] a timeout hits the leftovers of a pipeline as well
$ echo x | pollard run -t 200ms --grace 200ms --progress none --shell <<<'misbehave ignore-term | misbehave ignore-term | cat'
[stdout any]
[status] 2

=== [48] a command that has stopped itself is ended by its timeout
$ echo x | pollard run -t 300ms --grace 5s -o json --progress none -- sh -c 'trap "exit 3" TERM; kill -STOP $$; sleep 60' 2>/dev/null | python3 -c '
> import json, sys
> r = json.loads(sys.stdin.read().split("\n")[0])
> print(r["status"], r["reason"], r["seconds"] < 4)'
[stdout]
failed timeout True
[status] 2

=== [49] a task has no terminal and is a session of its own
$ echo x | pollard run --progress none -- sh -c 'misbehave tty; misbehave limits | grep sid'
[stdout]
no terminal
sid shared
$ echo x | pollard run --progress none -- misbehave limits | grep sid
[stdout]
sid own

=== [50] timeouts that hit just when the commands end: each task has one result
[limit] 60
$ seq 60 | pollard run -j 4 -t 50ms --grace 1s -o json --progress none -- sh -c 'sleep 0.0$((35 + $0 % 30))' 2>/dev/null | python3 -c '
> import json, sys
> lines = [json.loads(line) for line in sys.stdin]
> tasks = [r["task"] for r in lines[:-1]]
> kinds = {(r["status"], r["reason"]) for r in lines[:-1]}
> print(len(tasks), len(set(tasks)), kinds <= {("succeeded", None), ("failed", "timeout")}, lines[-1]["succeeded"] + lines[-1]["failed"])'
[stdout]
60 60 True 60
[status] any
$ grep -c '"event":"attempt-finished"' "$POLLARD_STATE_DIR"/runs/*/journal.jsonl; grep -c '"event":"task-finished"' "$POLLARD_STATE_DIR"/runs/*/journal.jsonl
[stdout]
60
60

=== [52] system calls that are interrupted have no effect
# LeakSanitizer does not work under strace.
[needs] strace
[limit] 60
$ seq 5 >list; echo 'x 100000' >>list
$ ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 strace -qq -o /dev/null -e inject=ppoll,poll,write,pwrite64,wait4,splice,sendfile:error=EINTR:when=2+3 -e inject=read:error=EINTR:when=12+3 pollard run -k --progress none -f list -- sh -c 'echo "<$0>"; echo err >&2' 2>err
[stdout]
<1>
<2>
<3>
<4>
<5>
<x 100000>
$ sort err | uniq -c | sed 's/^ *//'
[stdout]
6 err
$ ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 strace -f -qq -o /dev/null -e inject=ppoll,poll,write,wait4,sendfile,splice,rt_sigtimedwait:error=EINTR:when=2+3 pollard run --no-record -k --progress none -f list -- misbehave args
[stdout]
\[1]
\[2]
\[3]
\[4]
\[5]
\[x 100000]

=== [54] an orphan that dies before its task is no result, and its status none
$ echo x | pollard run -o json -- sh -c '(sh -c "sleep 0.1; exit 9" &); sleep 0.4; exit 0' 2>/dev/null | python3 -c '
> import json, sys
> r = json.loads(sys.stdin.read().split("\n")[0])
> print(r["status"], r["exit"], r["leftover_processes"])'
[stdout]
succeeded 0 0

=== [56] SIGCHLD ignored by whoever started it
$ (trap '' CHLD; printf '%s\n' 0 3 | pollard run -k -o json --progress none -- misbehave exit 2>/dev/null) | python3 -c '
> import json, sys
> for r in [json.loads(line) for line in sys.stdin][:-1]: print(r["status"], r["exit"])'
[stdout]
succeeded 0
failed 3
[status] 1

=== [57] signals that were blocked or ignored at the start: a task begins as usual, nohup apart
$ python3 -c '
> import os, signal, sys
> signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGINT])
> os.execvp("pollard", ["pollard", "run", "--progress", "none", "--", "misbehave", "signals"])' <<<x
[stdout like]
SigBlk:\s0+
SigIgn:\s0+
$ nohup pollard run --progress none -- misbehave signals <<<x 2>/dev/null
[stdout like]
SigBlk:\s0+
SigIgn:\s0+1

=== [57] a task's SIGPIPE is as usual: `yes | head` ends silently
$ echo x | pollard run --progress none -- bash -c 'yes | head -n 1; echo "${PIPESTATUS[0]}"'
[stdout]
y
141

=== [58] children that were there before are not touched, those that come of them neither
$ bash -c 'sleep 30 & echo $! >pid; exec pollard run --progress none -- misbehave kill-parent <<<KILL'
[stderr~]
^  1: the worker was killed by SIGKILL$
[status] 2
$ kill -0 $(cat pid) && kill $(cat pid)

=== [64] a worker that is killed by its own task: reason worker, its tree swept, the others go on
$ printf '%s\n' 'misbehave daemon 60 ignore-term; kill -9 $PPID; sleep 60' 'sleep 0.5; echo fine' | pollard run --progress none --shell
[stdout~]
^fine$
[stderr~]
^pollard: PARTIAL 1/2 \(1\)$
^  1: the worker was killed by SIGKILL$
[status] 1

=== [64] signals that a task sends to its worker do nothing but SIGKILL and SIGSTOP
$ for s in TERM INT HUP QUIT USR1 USR2 PIPE ALRM CHLD SEGV; do echo $s; done | pollard run -j 0 -k --progress none -- sh -c 'kill -$0 $PPID; sleep 0.1; echo $0'
[stdout]
TERM
INT
HUP
QUIT
USR1
USR2
PIPE
ALRM
CHLD
SEGV

=== [64] the structured result on descriptor 3
$ echo '{"summary":"did it","files":["a.c"],"n":1}' | pollard run -o json -- misbehave result 2>/dev/null | head -n 1 | python3 -c '
> import json, sys
> r = json.load(sys.stdin)
> print(r["status"], r["summary"], r["files"], r["result"]["n"])'
[stdout]
succeeded did it ['a.c'] 1

=== [64] what is no JSON object there is told, and is no result
$ printf '%s\n' 'nonsense' '[1]' '{"a":1} trailing' '{"a":' | pollard run -k -o json -- misbehave result 2>/dev/null | python3 -c '
> import json, sys
> for r in [json.loads(line) for line in sys.stdin][:-1]: print(r["status"], r["reason"], r["result"], bool(r.get("warning") or r["error"]))'
[stdout]
succeeded None None True
succeeded None None True
succeeded None None True
succeeded None None True

=== [64] a structured result that is too large is refused, and its writer does not hang
[limit] 40
$ echo x | pollard run -t 20s -o json -- sh -c '(printf "{\"a\":\""; head -c 3000000 /dev/zero | tr "\0" y; printf "\"}") >&3; echo done' 2>/dev/null | head -n 1 | python3 -c '
> import json, sys
> r = json.load(sys.stdin)
> print(r["result"], r["stdout"].strip(), bool(r.get("warning") or r["error"]))'
[stdout]
None done True

=== [64] --fail-fast: nothing more is started, what runs ends as it likes
$ printf '%s\n' 'sleep 0.5; echo long' 'exit 1' 'echo never' | pollard run -j 2 --fail-fast --progress none --shell
[stdout]
long
[stderr~]
^pollard: PARTIAL 1/3 \(2\)$
1 skipped
[status] 1
