# What tasks print, on its way through: complete, in one piece, byte for byte, and harmless where people read it.
# The numbers are those of the catalogue of faults.

=== [36] 100 MB on both streams at once: no deadlock, all counted, the middle dropped, marked, and warned about once
[limit] 60
$ echo x | pollard run --max-output 1M -- misbehave flood 100M both >out 2>err
[stdout]
$ stat -c %s out; grep -a -c '^\[pollard: [0-9]* bytes dropped here\]$' out; grep -c 'warning' err
[stdout]
1048576
1
1
$ head -c 1000 out >a; misbehave flood 1000 >b; cmp a b; tail -c 1000 out >a; misbehave flood 100M | tail -c 1000 >b; cmp a b
$ pollard show | grep -i -c dropped
[status] any
[stdout any]
$ echo $(($(grep -a -o 'pollard: [0-9]* bytes' out | tr -dc 0-9) + 1048576 - $(grep -a '^\[pollard: ' out | wc -c) - 1))
[stdout]
104857600

=== [36] without a limit a command's output is kept whole, 32 MB of it
[limit] 60
$ echo 32M | pollard run -- misbehave flood | cksum >a; misbehave flood 32M | cksum >b; cmp a b

=== [36] dropped bytes are counted in the result object
$ echo 100000 | pollard run --max-output 1K -o json -- misbehave flood 2>/dev/null | head -n 1 | python3 -c '
> import json, sys
> r = json.load(sys.stdin)
> print(r["stdout_bytes"], r["stdout_dropped"], "98976 bytes dropped here" in r["stdout"], r["warning"])'
[stdout]
100000 98976 True 96.7 KiB of standard output were dropped from the middle

=== [36] --max-output is said once for each stream that was cut, and not for a stream that just fits
$ echo 1024 | pollard run --max-output 1K -- misbehave flood
[stdout any]
[stderr!]
warning
dropped
$ echo 1025 | pollard run --max-output 1K -- misbehave flood | grep -a -o 'pollard.*here'
[stdout]
pollard: 1 bytes dropped here
[stderr~]
^pollard: warning: 1: 1 (B|byte|bytes) of standard output

=== [36] --max-output of 0 and of nonsense is refused
$ echo x | pollard run --max-output 1Q -- echo
[status] 64
$ echo x | pollard run --max-output -1 -- echo
[status] 64

=== [37] much on standard error, then much on standard output: both are drained
$ echo x | pollard run --progress none -- sh -c 'misbehave flood 1M err; misbehave flood 1M out' >out 2>err
$ misbehave flood 1M >want; cmp want out; cmp want err

=== [37] standard error of a successful command goes to standard error, also when it printed nothing else
$ echo x | pollard run --progress none -- sh -c 'echo one >&2'
[stderr]
one

=== [41] no newline at the end: nothing is added, nothing lost
$ printf '%s\n' a b | pollard run -k -- misbehave no-newline
[stdout no-newline]
ab

=== [41] all 256 bytes arrive as they are
$ echo x | pollard run -- misbehave binary >out; misbehave binary >want; cmp want out

=== [41] a line of 1 MB, and NUL bytes, are no trouble
$ echo x | pollard run -- sh -c 'head -c 1000000 /dev/zero | tr "\0" y; echo; head -c 70000 /dev/zero' >out
$ (head -c 1000000 /dev/zero | tr '\0' y; echo; head -c 70000 /dev/zero) >want; cmp want out

=== [41] a character that comes byte by byte is shown as it is, on standard error too
$ echo 0 | pollard run --progress none -- misbehave split-utf8
[stdout]
grüße 🌳 €
$ echo 0 | pollard run --progress none -- sh -c 'misbehave split-utf8 >&2'
[stderr]
grüße 🌳 €

=== [41] a long standard error is made safe without cutting characters where it is read in pieces
$ echo x | pollard run --progress none -- sh -c 'head -c 65535 /dev/zero | tr "\0" a >&2; printf "€\n" >&2' 2>err; tail -c 8 err
[stdout]
aaaa€

=== [41] exactly 16384 bytes stand in the result, 16385 in a file; both are printed whole
$ printf '%s\n' 16384 16385 | pollard run -k -- misbehave flood >out
$ (misbehave flood 16384; misbehave flood 16385) >want; cmp want out
$ printf '%s\n' 16384 16385 | pollard run -k -o json -- misbehave flood | python3 -c '
> import json, sys
> for line in list(sys.stdin)[:2]:
>     r = json.loads(line)
>     print(r["task"], len(r.get("stdout", "")), "stdout_path" in r, r["stdout_bytes"])'
[stdout]
1 16384 False 16384
2 0 True 16385

=== [41] the same without a run directory, through unnamed files
$ printf '%s\n' 16384 16385 300000 | pollard run -k --no-record -- misbehave flood >out
$ (misbehave flood 16384; misbehave flood 16385; misbehave flood 300000) >want; cmp want out
$ test ! -e "$POLLARD_STATE_DIR" || ls "$POLLARD_STATE_DIR"
[stdout]

=== [41] --tag marks every line, also the last one without a newline and those of a long output
$ printf '%s\n' 'printf a' 'printf "b\nc"' 'printf ""' | pollard run -k --tag --shell
[stdout]
1	a
2	b
2	c
$ echo 300000 | pollard run --tag -- misbehave lines >out; head -n 2 out; tail -n 1 out; grep -c '^1	line [0-9]*$' out
[stdout]
1	line 1
1	line 2
1	line 300000
300000

=== [41] --tag marks the lines of standard error too
$ echo x | pollard run --tag --progress none -- sh -c 'printf "a\nb" >&2'
[stderr]
1	a
1	b

=== [41] what tasks print never mixes: each output stands in one piece
[limit] 40
$ seq 20 | pollard run -j 0 --progress none -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do head -c 3000 /dev/zero | tr "\0" x; echo " $0"; done' | sed 's/.* //' | uniq -c | awk '{ print $1 }' | sort | uniq -c | awk '{ print $1, $2 }'
[stdout]
20 10

=== [41] -k: the order of the list, whoever is ready first
$ printf '%s\n' 0.2 0.1 0 | pollard run -j 3 -k -- sh -c 'sleep $0; echo $0'
[stdout]
0.2
0.1
0

=== [41] -o none prints nothing of the tasks on standard output
$ echo x | pollard run -o none -- echo
[stdout]

=== [41] a failed task's output is shown, only that of its last attempt
$ echo x | pollard run -r 1 --progress none -- sh -c 'echo attempt $POLLARD_ATTEMPT; exit 1'
[stdout]
attempt 2
[status] 2

=== [41] -o merged holds what succeeded, in the order of the list, and only that
$ printf '%s\n' 0.1 fail 0 | pollard run -j 3 -o merged --progress none -- sh -c 'test $0 = fail && { echo secret; exit 1; }; sleep $0; echo "<$0>"'
[stdout~]
<0\.1>
<0>
[stdout!]
secret
[status] 1

=== [41] --merge json is one JSON object
$ printf '%s\n' a b fail | pollard run -o merged --merge json --progress none -- sh -c 'test $0 != fail && echo "$0"' | python3 -c '
> import json, sys
> print(json.dumps(json.load(sys.stdin), sort_keys=True))'
[stdout]
{"missing": {"3": "exit"}, "results": {"1": "a\n", "2": "b\n"}}
[status] 1

=== [41] -o json: one line a task and a summary, also for bytes that are not UTF-8
$ printf '%s\n' 1 2 | pollard run -k -o json -- misbehave binary | python3 -c '
> import base64, json, sys
> lines = [json.loads(line) for line in sys.stdin]
> print([base64.b64decode(r["stdout_base64"]) == bytes(range(256)) for r in lines[:2]])
> print("\N{REPLACEMENT CHARACTER}" in lines[0]["stdout"], lines[2]["outcome"], len(lines))'
[stdout]
\[True, True]
True all 3

=== [41] escapes, C1, bidirectional overrides, OSC 52 and invalid UTF-8 reach standard error only as text
$ echo x | pollard run --progress none -- sh -c 'printf "\033]52;c;aGk=\007 \302\233 \342\200\256 \342\201\246 \200 \r\b\177 \303\244\tend" >&2'
[stderr]
\\x1b]52;c;aGk=\x07 \u{9b} \u{202e} \u{2066} \x80 \x0d\x08\x7f ä	end
$ echo fail | pollard run -- misbehave escapes
[status] 2
[stderr!]
[\x00-\x08\x0b-\x1f\x7f\x80-\x9f‪-‮⁦-⁩]
[\ud800-\udfff]

=== [41] the same bytes stand unchanged in the record
$ echo x | pollard run -o none -- sh -c 'misbehave escapes out' >/dev/null 2>&1
$ pollard run --progress none -- misbehave escapes <<<out >out; misbehave escapes out >want; cmp want out

=== [41] the safe form ends with a newline, so that the next line of pollard's begins a line
$ printf '%s\n' a b | pollard run -k --progress none -- sh -c 'printf "no newline" >&2'
[stderr]
no newline
no newline

=== [42] a reader of standard output that goes away ends the run by SIGPIPE, not by 0
$ (seq 3; echo last) | (pollard run -j 1 --progress none -- sh -c 'echo "$0"; exec sleep 0.$0' 2>err; echo $? >status) | head -n 1
[stdout]
1
$ cat status
[stdout]
141

=== [43] a full disk behind standard output is an error: 74, said in words, and the results are in the record
$ printf '%s\n' a b | pollard run -- echo >/dev/full
[stderr~]
^pollard: cannot write to standard output: No space left on device; the results are in the record: pollard show <RUN>$
[status] 74
$ pollard show >/dev/full
[status] 74

=== [43] the same for every form of output
$ for o in text json merged; do echo a | pollard run -o $o -- echo >/dev/full 2>/dev/null; echo $?; done
[stdout]
74
74
74
$ echo a | pollard run -o none -- echo >/dev/full
[status] 0
$ echo 1M | pollard run -- misbehave flood >/dev/full
[status] 74
$ echo 1M | pollard run --tag -- misbehave flood >/dev/full
[status] 74

=== [43] a full disk behind standard error changes no status
$ echo a | pollard run -- echo 2>/dev/full
[stdout]
a
$ echo 3 | pollard run -- misbehave exit 2>/dev/full
[status] 2

=== [43] a file that may not grow any more is an error like a full disk, not a death by SIGXFSZ
$ (ulimit -f 100; printf '%s\n' 60K 60K | pollard run --no-record --progress none -- misbehave flood >out)
[stderr~]
^pollard: cannot write to standard output: File too large$
[status] 74
$ (ulimit -f 100; echo 1M | pollard run --no-record --progress none -- misbehave flood | wc -c)
[stderr~]
^pollard: warning: 1: .* of standard output could not be kept: File too large$
[stdout~]
^\d+$

=== [43] closed streams: standard output is asked for, standard error is not needed
$ echo a | pollard run -- echo >&-
[stderr~]
^pollard: standard output is closed
[status] 74
$ echo a | pollard run -o none -- touch >&-; ls
[stdout]
a
$ echo a | pollard run -- echo 2>&-
[stdout]
a
$ echo a | pollard run -- sh -c 'echo err >&2; echo out' 2>&- >file; cat file
[stdout]
out

=== [43] a descriptor that cannot be written to is an error, not silence
$ echo a | pollard run --progress none -- echo 1</dev/null
[status] 74

=== [43] standard output opened for appending, and one description for both streams
$ echo first >file; printf '%s\n' a b | pollard run -k --progress none -- echo >>file; cat file
[stdout]
first
a
b
$ rm file; echo both | pollard run --progress none -- misbehave flood 300K >>file 2>&1; wc -c <file
[stdout]
614400
$ rm file; echo both | pollard run --progress none -- misbehave flood 300K >file 2>&1; wc -c <file
[stdout]
614400

=== [43] standard output in the middle of a file goes on there
$ (echo before; echo 100K | pollard run --progress none -- misbehave flood; echo after) >file; wc -c <file; head -n 1 file; tail -n 1 file
[stdout]
102413
before
after

=== [45] 10 MB on standard input of a command that never reads it, or ends at once
[limit] 40
$ head -c 10000000 /dev/zero | tr '\0' y >big; echo >>big
$ pollard run --stdin -f big -- misbehave never-read 0
[stdout]
did not read
$ pollard run --stdin -f big -- true
$ pollard run --stdin -f big -- sh -c 'exec <&-; echo closed'
[stdout]
closed
$ pollard run --stdin -f big -- misbehave read-stdin | cmp - <(tr -d '\n' <big)

=== [45] a command that writes while it reads: no deadlock
[limit] 40
$ head -c 4000000 /dev/zero | tr '\0' y >big; echo >>big
$ pollard run --stdin -f big --progress none -- sh -c 'tee /dev/stderr' >out 2>err; cmp out <(tr -d '\n' <big); cmp err <(tr -d '\n' <big; echo)
