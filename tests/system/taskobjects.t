# Task objects (chapter 3): every key, every error, and nothing starts when there is one.

=== [5] an object that is cut off anywhere is refused, and no task before it ran
$ good='{"id":"a","run":["touch","ran"],"env":{"A":"\\u00e4"},"needs":[],"x-y":[1.5e3,true,null]}'
> for n in $(seq 1 $((${#good} - 1))); do
>   printf '{"run":"touch ran"}\n%s\n' "${good:0:n}" | pollard run > out 2> err
>   test $? = 65 && grep -q '^pollard: standard input:2:' err || { echo "cut at $n: $(cat err)"; break; }
> done
$ ls
[stdout]
err
out
[limit] 60

=== [6] text after the object is refused: garbage, a second object, a comma
$ printf '%s\n' '{"run":"touch ran"} x' '{"run":"touch ran"}{"run":"touch ran"}' '{"run":"touch ran"},' | pollard run
[stderr]
pollard: standard input:1:21: text after the end of the object
pollard: standard input:2:20: text after the end of the object
pollard: standard input:3:20: text after the end of the object
[status] 65
$ ls
[stdout]

=== [7] two tasks with one id are refused, both lines named
$ printf '%s\n' '{"id":"a","run":"true"}' '' '{"id":"b","run":"true"}' '{"id":"a","run":"true"}' | pollard run
[stderr]
pollard: standard input:4: duplicate id 'a': it is already that of line 1
[status] 65

=== [7] a record without an id is known by its number: nobody else may have that
$ printf '%s\n' '{"run":"true"}' '{"id":"1","run":"true"}' | pollard run
[stderr]
pollard: standard input:2: id '1' is taken: record 1 has none and is known by its number
[status] 65
$ printf '%s\n' '{"id":"2","run":"true"}' '{"run":"true"}' | pollard run
[stderr like]
pollard: standard input:2: this record has no id and is known by its number, 2, which is the id in line 1.*
[status] 65
$ printf '%s\n' '{"id":"1","run":"echo one"}' '{"id":"02","run":"echo two"}' | pollard run -k --progress none
[stdout]
one
two

=== [8] a key that stands twice is refused, at any depth
$ printf '%s\n' '{"id":"a","id":"b","run":"true"}' '{"run":"true","env":{"A":"1","A":"2"}}' '{"run":"true","x-a":{"b":1,"b":1}}' '{"run":"true","\u0072un":"false"}' | pollard run
[stderr like]
pollard: standard input:1:\d+: key 'id' stands twice
pollard: standard input:2:\d+: key 'A' stands twice
pollard: standard input:3:\d+: key 'b' stands twice
pollard: standard input:4:\d+: key 'run' stands twice
[status] 65

=== [9] keys are told apart by case
$ printf '%s\n' '{"Id":"a","RUN":"true"}' | pollard run
[stderr~]
unknown key 'Id', did you mean 'id'\?$
unknown key 'RUN', did you mean 'run'\?$
[status] 65
$ printf '%s\n' '{"run":"echo $a$A","env":{"a":"1","A":"2"}}' | pollard run --progress none
[stdout]
12

=== [11] bytes that are not UTF-8, overlong forms and halves of surrogate pairs are refused
$ printf '{"run":"echo \xff"}\n{"run":"echo \xc0\xaf"}\n{"run":"\xed\xa0\x80"}\n{"run":"\xf4\x90\x80\x80"}\n{"run":"\\ud800"}\n{"run":"\\udc00x"}\n{"run":"\\ud83d\\u0041"}\n{"\xff":1}\n' | pollard run
[stderr like]
pollard: standard input:1:14: .*UTF-8
pollard: standard input:2:14: .*UTF-8
pollard: standard input:3:9: .*UTF-8
pollard: standard input:4:9: .*UTF-8
pollard: standard input:5:9: .*surrogate.*
pollard: standard input:6:9: .*surrogate.*
pollard: standard input:7:9: .*surrogate.*
pollard: standard input:8:\d: .*UTF-8.*
[status] 65
$ printf '%s\n' '{"run":["echo","\ud83d\ude00 \u00e4 \/"]}' | pollard run --progress none
[stdout]
😀 ä /

=== [12] ids that would be bad file names are refused: control bytes, dots and hyphens first
$ printf '%s\n' '{"id":"a\nb","run":"true"}' '{"id":"\u001b[31m","run":"true"}' '{"id":".","run":"true"}' '{"id":"..","run":"true"}' '{"id":"-a","run":"true"}' '{"id":".a","run":"true"}' '{"id":"","run":"true"}' '{"id":"ä","run":"true"}' '{"id":"a b","run":"true"}' '{"id":7,"run":"true"}' | pollard run
[stderr like]
pollard: standard input:1: 'id': expected 1 to 64 letters, digits, '\.', '_' or '-', the first neither '\.' nor '-', got 'a\\nb'
pollard: standard input:2: 'id': expected .*, got '\\x1b\[31m'
pollard: standard input:3: 'id': expected .*, got '\.'
pollard: standard input:4: 'id': expected .*, got '\.\.'
pollard: standard input:5: 'id': expected .*, got '-a'
pollard: standard input:6: 'id': expected .*, got '\.a'
pollard: standard input:7: 'id': expected .*, got ''
pollard: standard input:8: 'id': expected .*, got 'ä'
pollard: standard input:9: 'id': expected .*, got 'a b'
pollard: standard input:10: 'id': expected .*, got 7
[status] 65

=== [13] an id that is a path, or too long, is refused; one of 64 characters is not
$ printf '%s\n' '{"id":"../../etc/x","run":"true"}' '{"id":"a/b","run":"true"}' '{"id":"/","run":"true"}' | pollard run
[stderr like]
pollard: standard input:1: 'id': .*
pollard: standard input:2: 'id': .*
pollard: standard input:3: 'id': .*
[status] 65
$ x=$(head -c 4096 /dev/zero | tr '\0' x); printf '%s\n' "{\"id\":\"${x:0:65}\",\"run\":\"true\"}" "{\"id\":\"$x\",\"run\":\"true\"}" | pollard run
[stderr like]
pollard: standard input:1: 'id': .*
pollard: standard input:2: 'id': .{100,900}
[status] 65
$ x=$(head -c 64 /dev/zero | tr '\0' x); printf '%s\n' "{\"id\":\"$x\",\"run\":\"echo \$POLLARD_TASK\"}" '{"id":"a..b--_9","run":"echo $POLLARD_TASK"}' | pollard run -k --progress none
[stdout]
xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
a..b--_9

=== [14] numbers out of range are refused, each key with what it expects
$ for v in 1e400 -1 1e99 9223372036854775808 true null '"x"' '""' '"1e3"' '"10 m"' '"-5s"' '[]' '{}'; do
>   for k in timeout idle_timeout retries tokens; do
>     echo "{\"run\":\"touch ran\",\"$k\":$v}" | pollard run > out 2> err
>     test $? = 65 && grep -Eq '^pollard: standard input:1:(.* number out of range| .'$k'.: expected .*, got )' err && test "$(wc -l < err)" = 1 || echo "$k $v: $(cat err)"
>   done
> done; ls
[stdout]
err
out
[limit] 40
$ printf '%s\n' '{"run":"true","retries":1.5}' '{"run":"true","retries":101}' '{"run":"true","retries":2147483648}' '{"run":"true","tokens":1.5}' '{"run":"true","tokens":9007199254740993}' '{"run":"true","timeout":99999999999}' '{"run":"true","priority":"high"}' | pollard run
[stderr like]
pollard: standard input:1: 'retries': expected an integer from 0 to 100, got 1\.5
pollard: standard input:2: 'retries': expected an integer from 0 to 100, got 101
pollard: standard input:3: 'retries': expected an integer from 0 to 100, got 2147483648
pollard: standard input:4: 'tokens': expected .*, got 1\.5
pollard: standard input:5:24: number out of range
pollard: standard input:6: 'timeout': expected a duration .*, at most ten years, got 99999999999
pollard: standard input:7: 'priority': expected a number, got 'high'
[status] 65

=== [14] good numbers: durations as numbers and words, counts as words, any finite priority
$ printf '%s\n' '{"run":"true","timeout":0,"idle_timeout":"2h","retries":0,"tokens":"40k","priority":-1.5e3}' '{"run":"true","timeout":1.5,"idle_timeout":90,"retries":100,"tokens":0,"priority":0}' '{"run":"true","timeout":"90"}' | pollard run --progress none -o json --sequential
[stdout~]
"succeeded":3

=== [15] numbers that JSON does not know are refused: leading zeros, a bare point, hex, NaN, a plus
$ printf '%s\n' '{"run":"true","retries":007}' '{"run":"true","retries":1.}' '{"run":"true","retries":.5}' '{"run":"true","retries":0x1}' '{"run":"true","retries":NaN}' '{"run":"true","retries":+1}' '{"run":"true","retries":-}' '{"run":"true","retries":Infinity}' | pollard run
[stderr like]
pollard: standard input:1:25: .*
pollard: standard input:2:\d+: .*
pollard: standard input:3:\d+: .*
pollard: standard input:4:\d+: .*
pollard: standard input:5:\d+: .*
pollard: standard input:6:\d+: .*
pollard: standard input:7:\d+: .*
pollard: standard input:8:\d+: .*
[status] 65

=== [6] what JSON does not know is refused: trailing commas, comments, single quotes, words
$ printf '%s\n' '{"run":"true",}' '{"run":["a",]}' '{"run":"true" /* c */}' "{'run':'true'}" '{run:"true"}' '{"run":"true";}' '{"run":True}' '{"run":"a' '{"run":"\x"}' '{"run":"\u12"}' '{' '{"run"}' | pollard run
[stderr like]
pollard: standard input:1:\d+: .*
pollard: standard input:2:\d+: .*
pollard: standard input:3:\d+: .*
pollard: standard input:4:\d+: .*
pollard: standard input:5:\d+: .*
pollard: standard input:6:\d+: .*
pollard: standard input:7:\d+: .*
pollard: standard input:8:\d+: .*; a task object is written on one line
pollard: standard input:9:\d+: .*
pollard: standard input:10:\d+: .*
pollard: standard input:11:\d+: .*; a task object is written on one line
pollard: standard input:12:\d+: .*
[status] 65

=== [16] nesting: 64 levels are read, 65 refused, and millions refused at once in little memory
[limit] 30
$ nest() { printf '{"run":"true","x-a":'; head -c "$1" /dev/zero | tr '\0' '['; head -c "$1" /dev/zero | tr '\0' ']'; echo '}'; }
> nest 63 | pollard run --progress none
$ nest() { printf '{"run":"true","x-a":'; head -c "$1" /dev/zero | tr '\0' '['; head -c "$1" /dev/zero | tr '\0' ']'; echo '}'; }
> nest 64 | pollard run
[stderr]
pollard: standard input:1:84: nested deeper than 64 levels
[status] 65
$ { printf '{"x-a":'; head -c 16000000 /dev/zero | tr '\0' '['; } | (ulimit -v 200000; pollard run)
[stderr]
pollard: standard input:1:71: nested deeper than 64 levels
[status] 65
$ { printf '{"x-a":'; head -c 50000000 /dev/zero | tr '\0' '['; } | (ulimit -v 200000; pollard run)
[stderr]
pollard: standard input:1: longer than 16 MiB, the most that a record may have
[status] 65

=== [17] control bytes are blanks nowhere in an object; a tab is, and in a string it is written \t
$ printf '{"id":"a",\v"run":"true"}\n{"id":"a",\x01"run":"true"}\n{"run":"echo \x01"}\n{"run":"echo \t"}\n{"run":"true"}\f\n' | pollard run
[stderr like]
pollard: standard input:1:11: .*
pollard: standard input:2:11: .*
pollard: standard input:3:14: a control character in a string.*
pollard: standard input:4:14: a control character in a string.*
pollard: standard input:5:15: .*
[status] 65
$ printf '\t{\t"run" :\t["echo", "a\\tb"] }\t\r\n' | pollard run --progress none
[stdout]
a	b

=== [19] needs: a circle is printed, a task that needs itself too, an unknown id with what was meant
$ printf '%s\n' '{"id":"a","run":"touch ran","needs":["b"]}' '{"id":"b","run":"touch ran","needs":["c"]}' '{"id":"c","run":"touch ran","needs":["a"]}' | pollard run
[stderr like]
pollard: standard input:\d: 'needs' in a circle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)
[status] 65
$ printf '%s\n' '{"id":"a","run":"touch ran","needs":["a"]}' | pollard run
[stderr]
pollard: standard input:1: 'needs' in a circle: a -> a
[status] 65
$ printf '%s\n' '{"id":"a","run":"touch ran","needs":["tests"]}' '{"id":"test","run":"touch ran"}' '{"id":"c","run":"touch ran","needs":["zzz"]}' | pollard run
[stderr like]
pollard: standard input:1: 'needs': no task has the id 'tests', did you mean 'test'\?
pollard: standard input:3: 'needs': no task has the id 'zzz'.*
[status] 65
$ ls
[stdout]

=== [19] a long circle among many tasks is found, and ten thousand in a row are no circle
[limit] 40
$ { for i in $(seq 1 3000); do echo "{\"id\":\"t$i\",\"run\":\"true\",\"needs\":[\"t$((i % 3000 + 1))\"]}"; done; } | pollard run 2>&1 | cut -c 1-60
[stdout like]
pollard: standard input:\d+: 'needs' in a circle: t.*
[status] 65
$ { seq 2 10000 | sed 's/.*/{"id":"t&","run":"true","needs":["t&p"]}/'; echo '{"id":"x","run":"true","needs":["nobody"]}'; } | pollard run 2>&1 | tail -n 1
[stdout~]
^pollard: and \d+ more errors$
[status] 65

=== needs: a task starts after what it needs, by id or by number, whatever the order of the list
$ printf '%s\n' '{"id":"last","run":"echo last","needs":["mid","3"]}' '{"id":"mid","run":"echo mid","needs":["3","3"]}' '{"run":"echo first"}' | pollard run --progress none
[stdout]
first
mid
last

=== needs: what needs a failed task is skipped, and says whom it needed
$ printf '%s\n' '{"id":"a","run":"exit 3"}' '{"id":"b","run":"echo b","needs":["a"]}' '{"id":"c","run":"echo c","needs":["b"]}' '{"id":"d","run":"echo d"}' | pollard run -k
[stdout]
d
[stderr~]
b skipped: needs a, which did not succeed
c skipped: needs b, which did not succeed
^pollard: PARTIAL 1/4
[status] 1

=== [21] an unknown key is refused with what was probably meant; x- keys are carried
$ printf '%s\n' '{"run":"true","timout":5}' '{"run":"true","need":["a"]}' '{"run":"true","command":"x"}' '{"run":"true","":1}' '{"run":"true","x":1}' | pollard run
[stderr like]
pollard: standard input:1: unknown key 'timout', did you mean 'timeout'\?
pollard: standard input:2: unknown key 'need', did you mean 'needs'\?
pollard: standard input:3: unknown key 'command'.*
pollard: standard input:4: unknown key ''.*
pollard: standard input:5: unknown key 'x'.*
[status] 65
$ printf '%s\n' '{"run":"echo fine","x-ticket":{"n":[1,null]},"x-":0}' | pollard run --progress none
[stdout]
fine
$ pollard failed
$ grep -c 'x-ticket' "$POLLARD_STATE_DIR"/runs/*/journal.jsonl
[stdout]
1

=== what belongs together: prompt or run, agent with prompt, stdin and refine where they mean something
[given .pollard/agents/say.md]
---
command: cat
---
$ printf '%s\n' '{}' '{"id":"a"}' '{"run":"true","prompt":"x"}' '{"prompt":"x"}' '{"agent":"say"}' '{"agent":"say","run":"true"}' '{"agent":"say","prompt":"x","stdin":"y"}' '{"run":"true","refine":"x"}' '{"agent":"say","prompt":""}' '{"agent":"","prompt":"x"}' '{"run":""}' '{"run":[]}' '{"run":[""]}' '{"run":["a",1]}' '{"run":{}}' | pollard run
[stderr like]
pollard: standard input:1: expected a 'prompt' .* or a 'run' .*
pollard: standard input:2: expected a 'prompt' .* or a 'run' .*
pollard: standard input:3: 'prompt' and 'run' exclude each other.*
pollard: standard input:4: 'prompt' needs an 'agent' to ask
pollard: standard input:5: expected a 'prompt' .*
pollard: standard input:6: 'agent' goes with 'prompt'.*
pollard: standard input:7: 'stdin' goes with 'run'.*
pollard: standard input:8: 'refine' goes with 'prompt'.*
pollard: standard input:9: 'prompt': expected a text that is not empty, got ''
pollard: standard input:10: 'agent': expected the name of an agent, got ''
pollard: standard input:11: 'run': expected .*, got ''
pollard: standard input:12: 'run': expected .*, got an empty array
pollard: standard input:13: 'run': expected .*
pollard: standard input:14: 'run': expected .*, got 1
pollard: standard input:15: 'run': expected .*, got an object
[status] 65

=== env: names and values are checked, POLLARD_ is ours
$ printf '%s\n' '{"run":"true","env":{"A=B":"1"}}' '{"run":"true","env":{"":"1"}}' '{"run":"true","env":{"1A":"1"}}' '{"run":"true","env":{"A":1}}' '{"run":"true","env":{"POLLARD_TASK":"x"}}' '{"run":"true","env":["A=1"]}' | pollard run
[stderr like]
pollard: standard input:1: 'env': 'A=B' is no name of a variable.*
pollard: standard input:2: 'env': '' is no name of a variable.*
pollard: standard input:3: 'env': '1A' is no name of a variable.*
pollard: standard input:4: 'env': expected a string for 'A', got 1
pollard: standard input:5: 'env': 'POLLARD_TASK' is set by pollard itself.*
pollard: standard input:6: 'env': expected an object of strings, got an array
[status] 65
$ printf '%s\n' '{"run":"echo \"$A|$B|$HOME\"","env":{"A":"it\u0027s \"q\" $x\n2","B":"","HOME":"elsewhere"}}' | pollard run --progress none
[stdout]
it's "q" $x
2||elsewhere

=== cwd: where the command runs, relative to pollard's own; relative programs are looked for there
[given sub/tool 755]
#!/bin/sh
echo "$(pwd) $PWD"
$ printf '%s\n' '{"run":["./tool"],"cwd":"sub"}' '{"run":"./tool","cwd":"./sub/../sub"}' '{"run":["misbehave","pwd"],"cwd":"/"}' | pollard run -k --progress none | sed "s#$PWD#D#g"
[stdout like]
D/sub .*
D/sub .*
/

=== stdin: the text, byte for byte, and an empty one is end of file
$ printf '%s\n' '{"run":"od -An -c","stdin":"a\n\u00e4"}' '{"run":["cat"],"stdin":""}' '{"run":"cat; echo end"}' | pollard run -k --progress none | tr -s ' '
[stdout]
 a \n 303 244
end

=== run: a string is for sh, an array for nobody's shell
$ printf '%s\n' '{"run":"echo $((6*7)) | tr 4 x; exit 0"}' '{"run":["misbehave","args","$((6*7))","a b","","*",";"]}' | pollard run -k --progress none
[stdout]
x2
\[$((6*7))]
\[a b]
\[]
\[*]
\[;]

=== output: json wants an object, and anything else is a failed attempt
$ printf '%s\n' '{"id":"a","run":"echo {\\\"n\\\":1}","output":"json"}' '{"id":"b","run":"echo no","output":"json"}' '{"id":"c","run":"echo no","output":"text"}' '{"id":"d","run":"true","output":"json"}' | pollard run -k --progress none
[stdout]
{"n":1}
no
no
[stderr~]
^pollard: PARTIAL 2/4 \((b, d|d, b)\)
[status] 1
$ printf '%s\n' '{"run":"true","output":"xml"}' | pollard run
[stderr]
pollard: standard input:1: 'output': expected 'text' or 'json', got 'xml'
[status] 65

=== reads and writes are patterns: what is none is refused
$ printf '%s\n' '{"run":"true","writes":["a[b"]}' '{"run":"true","reads":[""]}' '{"run":"true","writes":"src"}' '{"run":"true","writes":[1]}' | pollard run
[stderr like]
pollard: standard input:1: 'writes': the '\[' in 'a\[b' has no '\]'
pollard: standard input:2: 'reads': expected paths.*
pollard: standard input:3: 'writes': expected an array of paths .*, got 'src'
pollard: standard input:4: 'writes': expected paths .*, got 1
[status] 65

=== priority: greater starts earlier among the ready ones, then the list's order
$ printf '%s\n' '{"id":"a","run":"echo a"}' '{"id":"b","run":"echo b","priority":2}' '{"id":"c","run":"echo c","priority":1}' '{"id":"d","run":"echo d","priority":2}' '{"id":"e","run":"echo e","priority":-1}' | pollard run -j 1 --progress none
[stdout]
b
d
c
a
e

=== several errors of one object are all told
$ printf '%s\n' '{"id":"-","run":1,"timeout":"soon","retries":-1,"wat":0}' | pollard run
[stderr~]
'id': expected
'run': expected
'timeout': expected
'retries': expected
unknown key 'wat'
[status] 65

=== an array of tasks is not a list of tasks: one object a line is told
$ printf '[{"run":"true"},{"run":"true"}]\n' | pollard run
[stderr~]
^pollard: standard input:1: .*task object
[status] 65

=== a task that is expected to use more than --tokens-at-once lets run: 65, and nothing starts
[given list]
{"id": "small", "run": "touch ran", "tokens": 1}
{"id": "big", "run": "touch ran", "tokens": "11k"}
$ pollard run --tokens-at-once 10k -f list; ls
[stdout]
list
[stderr~]
^pollard: list:2: it is expected to use 11000 tokens, and '--tokens-at-once' lets 10000 run together$
