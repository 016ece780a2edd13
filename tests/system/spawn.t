# How a task's command is started (chapters 2 and 4): what it finds, and what happens when it cannot start.

=== [22] a missing command could not start: told as such, with its PATH, recorded as spawn, not tried again
$ echo x | PATH=/usr/bin:$PATH pollard run --progress none -r 3 -- no-such-command-here
[stderr~]
^pollard: NONE 0/1 \(1\)$
1: cannot start 'no-such-command-here': command not found \(PATH was /usr/bin:
[status] 2
$ echo x | pollard run --progress none -o json -r 3 -- no-such-command-here
[stdout~]
"attempts":1,.*"reason":"spawn".*"exit":null
[status] 2
$ pollard failed
[stdout]
x

=== [22] a missing file, a missing interpreter and a missing directory on the way are told apart
[given badint 755]
#!/no/such/interpreter -x
$ printf '%s\n' ./nofile ./badint ./no/dir/file ./badint/x | pollard run -k --progress none -j 1 -- '{}'
[stderr~]
1: cannot start './nofile': no such file
2: cannot start './badint': its interpreter '/no/such/interpreter' does not exist
3: cannot start './no/dir/file': no such file
4: cannot start './badint/x': Not a directory
[status] 2

=== [23] what is not executable, a directory, and what is no program are told apart
[given noexec]
x
[given script 755]
echo "script for sh: $1"
$ mkdir dir; printf '\177ELF\002\001\001' > elf; chmod 755 elf; : > empty; chmod 755 empty
> printf '%s\n' ./noexec ./dir ./script ./empty | pollard run -k -j 1 --progress none -- '{}' arg
[stdout]
script for sh: arg
[stderr~]
^pollard: PARTIAL 2/4 \(1, 2\)
1: cannot start './noexec': not executable
2: cannot start './dir': is a directory
[status] 1

=== [23] a name in PATH that is not executable is passed over for one that is; a directory too
[given a/tool]
x
[given b/tool 755]
#!/bin/sh
echo found
$ mkdir -p c/tool; echo x | PATH=$PWD/a:$PWD/c:$PWD/b:$PATH pollard run --progress none -- tool
[stdout]
found
$ echo x | PATH=$PWD/a:$PATH pollard run --progress none -- tool
[stderr~]
cannot start 'tool': not executable
[status] 2

=== [24] an argument may have 131071 bytes; one more is refused before anything starts, with what to do instead
$ head -c 131071 /dev/zero | tr '\0' x | pollard run --progress none -- sh -c 'echo ${#1}' sh
[stdout]
131071
$ { echo first; head -c 131072 /dev/zero | tr '\0' x; } | pollard run -- touch ran
[stderr]
pollard: standard input:2: the argument is 131072 bytes long, and an argument of a command can have 131071: give it on standard input or in a file
[status] 65
$ head -c 131071 /dev/zero | tr '\0' x | pollard run -- touch '-{}'
[stderr~]
^pollard: standard input:1: the argument is 131072 bytes long
[status] 65
$ { echo ': '; head -c 131071 /dev/zero | tr '\0' x; } | tr -d '\n' | pollard run --shell
[stderr~]
^pollard: standard input:1: the command is 131073 bytes long
[status] 65
$ { printf '{"run":["true","'; head -c 131072 /dev/zero | tr '\0' x; printf '"]}'; } | pollard run
[stderr~]
^pollard: standard input:1: 'run': word 2 is 131072 bytes long.*'stdin'
[status] 65
$ { printf '{"run":["true"],"env":{"A":"'; head -c 131070 /dev/zero | tr '\0' x; printf '"}}'; } | pollard run
[stderr~]
^pollard: standard input:1: 'env': 'A' is too long
[status] 65
$ head -c 131072 /dev/zero | tr '\0' x | pollard run --progress none --stdin -- wc -c
[stdout]
131072
$ ls
[stdout]

=== [24] a prompt is never an argument: one of a megabyte arrives whole, with a newline
[given .pollard/agents/count.md]
---
command: wc -c
---
[given .pollard/agents/countfile.md]
---
command: wc -c {prompt_file}
---
$ head -c 1000000 /dev/zero | tr '\0' x > line; pollard run --progress none --agent count -f line
[stdout]
1000001
$ pollard run --progress none --agent countfile -f line
[stdout~]
^1000001 

=== [25] arguments and environment of 2 MiB together are refused by the system: told, and told what to do
$ { printf '{"id":"big","run":["true"'; for i in $(seq 20); do printf ',"'; head -c 131000 /dev/zero | tr '\0' x; printf '"'; done; printf ']}\n{"id":"small","run":"echo fine"}\n'; } > list
$ (ulimit -s 8192; pollard run --progress none -f list)
[stdout]
fine
[stderr~]
^pollard: PARTIAL 1/2 \(big\)
big: cannot start 'true': argument list too long: give long text on standard input
[status] 1
$ { printf '{"run":["true"],"env":{"A0":"0"'; for i in $(seq 20); do printf ',"A%d":"' $i; head -c 131000 /dev/zero | tr '\0' x; printf '"'; done; printf '}}\n'; } > list
$ (ulimit -s 8192; pollard run --progress none -f list)
[stderr~]
cannot start 'true': argument list too long
[status] 2

=== [26] a directory that is not there, or is none, could not be entered: spawn, with its name
[given file]
x
$ printf '%s\n' '{"id":"a","run":"true","cwd":"nowhere"}' '{"id":"b","run":"true","cwd":"file"}' '{"id":"c","run":"echo fine","cwd":"."}' | pollard run -j 1 --progress none -r 2
[stdout]
fine
[stderr~]
^pollard: PARTIAL 1/3 \(a, b\)
a: cannot start '.*': no such directory 'nowhere'
b: cannot start '.*': cannot enter directory 'file': Not a directory
^  cause: 2 tasks: cannot start '.*': no such directory 'nowhere'
[status] 3

=== [26] the directory that pollard itself was started in may be gone
$ mkdir gone; cd gone; rmdir ../gone; echo x | pollard run --progress none -- echo
[stdout]
x

=== [27] the system refuses a process: the start waits, and no task is lost
[needs] strace
[limit] 60
$ seq 8 | strace -f -qq -o /dev/null -e inject=clone,clone3,fork:error=EAGAIN:when=2 pollard run -k --progress plain -- echo
[stdout]
1
2
3
4
5
6
7
8
[stderr~]
cannot start a worker: Resource temporarily unavailable; going on with 1 at a time
^pollard: 8 of 8 succeeded

=== [28] the system has no memory for a process: the same, every second time
[needs] strace
[limit] 60
$ seq 8 | strace -f -qq -o /dev/null -e inject=clone,clone3,fork:error=ENOMEM:when=1+2 pollard run -k --progress none -- echo
[stdout]
1
2
3
4
5
6
7
8

=== [27] the worker's own child is refused: it is tried again, in each task
[needs] strace
[limit] 60
$ seq 4 | strace -f -qq -o /dev/null -e inject=vfork:error=EAGAIN:when=1 pollard run -k --progress none -- echo
[stdout]
1
2
3
4

=== [27] a system that refuses every process ends the run with 71, and all tasks are still there to repeat
[needs] strace
[limit] 90
$ seq 3 | strace -f -qq -o /dev/null -e inject=clone,clone3,fork:error=EAGAIN pollard run --progress plain -- touch ran
[stderr~]
cannot start a worker: Resource temporarily unavailable; trying again
pollard: cannot start a worker: Resource temporarily unavailable \(tried \d+ times\)
^pollard: NONE 0/3
[status] 71
$ pollard failed
[stdout]
1
2
3
$ ls
[stdout]

=== [29] few descriptors: fewer at a time, no task lost, and it is told once
[limit] 60
$ seq 40 | (ulimit -n 20; pollard run -j 0 -k --progress plain -- echo) > out 2> err
$ seq 40 | cmp - out && grep -c 'cannot start a worker: Too many open files; going on with' err
[stdout like]
[1-9]

=== [29] pipes are refused now and then: no task is lost
[needs] strace
[limit] 60
$ seq 12 | strace -f -qq -o /dev/null -e inject=pipe2:error=EMFILE:when=2+3 pollard run -k --progress none -- echo > out
$ seq 12 | cmp - out

=== [30] the system's own table of files is full for a moment: no task is lost
[needs] strace
[limit] 60
$ seq 12 | strace -f -qq -o /dev/null -e inject=pipe2:error=ENFILE:when=1+2 pollard run -k --progress none -- echo > out
$ seq 12 | cmp - out

=== [29] too few descriptors to begin with: the status says whose fault, and nothing ran
$ echo x | (ulimit -n 5; pollard run -- touch ran)
[stderr~]
^pollard: .*Too many open files
[status] 73
$ ls
[stdout]

=== [31] a kill between fork and exec is a task that was killed, and nothing hangs
[needs] strace
[limit] 60
$ seq 3 | strace -f -qq -o /dev/null -P /usr/bin/env -e inject=execve:signal=KILL pollard run --progress none -- /usr/bin/env echo
[stderr~]
^pollard: NONE 0/3
: killed by SIGKILL
[status] 2

=== [33] signals are as usual for a task: none ignored, none blocked, whoever started pollard
$ echo x | (trap '' PIPE TERM INT QUIT CHLD USR1 XFSZ; pollard run --progress none -- misbehave signals)
[stdout]
SigBlk:	0000000000000000
SigIgn:	0000000000000000
$ pollard run --progress none --shell <<< 'yes | head -n 1; echo "${PIPESTATUS}" > /dev/null'
[stdout]
y
$ echo x | pollard run --progress none -- bash -c 'yes | head -n 1 > /dev/null; echo "${PIPESTATUS[0]}"'
[stdout]
141

=== [34] a task has descriptors 0 to 3 and no other, whatever pollard was given and however many run
$ seq 6 | pollard run -j 6 --progress none -- sh -c 'misbehave fds' 7< /dev/null 8> extra 19<> extra | sort | uniq -c | tr -s ' '
[stdout]
 6 0 /dev/null
 6 1 pipe
 6 2 pipe
 6 3 pipe
$ seq 40 | pollard run -j 20 --progress none --stream -- misbehave fds 7< /dev/null | sort | uniq -c | tr -s ' '
[stdout]
 40 0 /dev/null
 40 1 pipe
 40 2 pipe
 40 3 pipe

=== [34] an agent, too, and one with files for its prompts
[given .pollard/agents/fds.md]
---
command: misbehave fds {prompt_file} {system_file}
---
Be.
$ seq 2 | pollard run --progress none --agent fds 9< /dev/null | sort | uniq -c | tr -s ' '
[stdout]
 2 0 /dev/null
 2 1 pipe
 2 2 pipe
 2 3 pipe

=== [35] a task that reads everything finds its own standard input, never the list
$ seq 20 | pollard run -k -j 3 --progress none -- sh -c 'cat; echo "$1"' sh > out
$ seq 20 | cmp - out
$ seq 20 | pollard run -k -j 3 --stream --progress none -- sh -c 'cat; echo "$1"' sh > out
$ seq 20 | cmp - out

=== [35] standard input of a task is /dev/null
$ pollard run --progress none --shell <<< 'readlink /proc/self/fd/0'
[stdout]
/dev/null

=== the environment of a task: pollard's own, the caller's, and what names run, step, task and attempt
$ MINE='a b' POLLARD_TASK=stale POLLARD_ATTEMPT=9 POLLARD_AGENT=stale pollard run --progress none --shell <<< 'echo "$MINE|$POLLARD_TASK|$POLLARD_STEP|$POLLARD_ATTEMPT|$POLLARD_RESULT_FD|${POLLARD_AGENT-none}|${POLLARD_LAST_ERROR-none}|$POLLARD_RUN"'
[stdout]
a b|1|1|1|3|none|none|<RUN>

=== a variable of a task's own replaces the caller's, once
$ echo '{"run":"env | grep -c ^MINE=; echo $MINE","env":{"MINE":"new"}}' | MINE=old pollard run --progress none
[stdout]
1
new

=== TRACEPARENT is continued when it is one, else begun; each attempt has its own span
$ seq 2 | TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 pollard run --progress none -- sh -c 'echo $TRACEPARENT'
[stdout like]
00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01
00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01
$ seq 2 | TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 pollard run --progress none -- sh -c 'echo $TRACEPARENT' | sort -u | wc -l
[stdout]
2
$ TRACEPARENT=garbage pollard run --progress none --shell <<< 'echo $TRACEPARENT'
[stdout like]
00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01
$ TRACEPARENT=00-00000000000000000000000000000000-b7ad6b7169203331-01 pollard run --progress none --shell <<< 'echo $TRACEPARENT'
[stdout like]
00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01

=== a retry of a command finds what failed: POLLARD_ATTEMPT, and POLLARD_LAST_ERROR, a file
$ echo x | pollard run --progress none -r 1 -- sh -c 'test $POLLARD_ATTEMPT = 2 || { echo "no tea" >&2; exit 7; }; cat "$POLLARD_LAST_ERROR"'
[stdout~]
exit 7
no tea

=== an environment of nearly 2 MiB is no trouble for pollard itself
$ (ulimit -s 16384; for i in $(seq 15); do export BIG$i="$(head -c 120000 /dev/zero | tr '\0' y)"; done; echo x | pollard run --progress none -- sh -c 'echo "$1 ${#BIG7} ${#BIG15}"' sh)
[stdout]
x 120000 120000

=== umask, limits and the working directory are the caller's
$ echo x | (umask 027; ulimit -n 300; cd /tmp && pollard run --progress none -- sh -c 'umask; ulimit -n; pwd')
[stdout]
0027
300
/tmp

=== a task is a session of its own: `kill 0` hits it alone, and there is no terminal
$ printf '%s\n' 'kill -TERM 0' 'echo other' | pollard run -k --progress none --shell
[stdout]
other
[stderr~]
^pollard: PARTIAL 1/2 \(1\)
1: killed by SIGTERM
[status] 1

=== PATH of the task's own environment is where its command is looked for
[given bin/tool 755]
#!/bin/sh
echo mine
$ printf '{"run":["tool"],"env":{"PATH":"%s"}}\n' "$PWD/bin" | pollard run --progress none
[stdout]
mine
$ echo '{"run":["ls"],"env":{"PATH":"/nowhere"}}' | pollard run --progress none
[stderr~]
cannot start 'ls': command not found \(PATH was /nowhere\)
[status] 2
