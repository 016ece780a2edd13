# Input of `run` (chapter 2): what each record means, what is refused, and in which words.

=== [1] an empty list is a run without a task: said so, status 0, and on record like every other
$ pollard run -- echo
[stderr~]
^pollard: 0 tasks$
$ printf '\xef\xbb\xbf\n \n\r\n' | pollard run -- echo
[stderr~]
^pollard: 0 tasks$
$ printf '# only a comment\n' | pollard run
[stderr~]
^pollard: 0 tasks$
$ pollard status | grep -c 'complete .* 0 tasks$'
[stdout]
3

=== [1] an empty list meets every requirement but a number
$ pollard run --require all --progress none -- echo
$ pollard run --require partial --progress none -- echo
$ pollard run --require 100% --progress none -- echo
$ pollard run --require 1 --progress none -- echo
[stderr]
pollard: 0 tasks, and '--require' wants some to succeed
[status] 1

=== [2] closed standard input is told, and neither a file of ours nor one of a task takes its place
$ pollard run -- echo <&-
[stderr]
pollard: standard input is closed: give the list there, or with '-f FILE'
[status] 66
$ echo x > list
$ pollard run -f list --progress none -- sh -c 'readlink /proc/self/fd/0' <&-
[stdout]
/dev/null
$ pollard run -f list -- echo >&-
[stderr~]
^pollard: standard output is closed: .*-o none
[status] 74
$ pollard run -f list --progress none -- sh -c 'echo task; echo error >&2' 2>&-
[stdout]
task

=== [2] with standard output closed and -o none a run goes on, and its files are not what tasks write to
$ echo x | pollard run -o none --progress none -- sh -c 'echo hello' >&-
$ pollard show "$(ls "$POLLARD_STATE_DIR/runs")" 1
[stdout~]
hello

=== [3] a directory as the list is told as such, on standard input and as a file
$ pollard run -- echo < /
[stderr]
pollard: cannot read standard input: Is a directory
[status] 74
$ pollard run -f / -- echo
[stderr]
pollard: cannot read '/': Is a directory
[status] 74

=== a list that is not there is status 66, one that may not be read 77, and both name it
$ pollard run -f no/such.list -- echo
[stderr]
pollard: cannot open 'no/such.list': No such file or directory
[status] 66
$ pollard run -f '' -- echo
[stderr~]
^pollard: option '-f': expected the name of a file
[status] 64

=== a line is one argument, whatever is in it, and no shell reads it
$ printf '%s\n' 'a b' '$(echo x)' '`id`' "it's" '"q"' ';&|<>' '\n' '-n' '~' '{ {# #}' | pollard run -k --progress none -- misbehave args
[stdout]
\[a b]
\[$(echo x)]
\[`id`]
\[it's]
\["q"]
\[;&|<>]
\[\n]
\[-n]
\[~]
\[{ {# #}]

=== {} becomes the line in each word that has it, {#} its number, and what a line brings is not read again
$ printf '%s\n' 'a' '{} {#}' | pollard run -k --progress none -- misbehave args '{}' 'x{}y{}{#}' '{#}' lit
[stdout]
\[a]
\[xaya1]
\[1]
\[lit]
\[{} {#}]
\[x{} {#}y{} {#}2]
\[2]
\[lit]

=== the words before {} may be the command's own name, and without {} the line is the last word
$ printf 'echo\nprintf\n' | pollard run -k --progress none -- '{}' hello
[stdout no-newline]
hello
hello
$ printf 'x\n' | pollard run --progress none -- misbehave args '{#}'
[stdout]
\[1]
\[x]

=== --stdin gives the line on standard input, with its newline or as it is, and adds no word
$ printf 'one\ntwo\n' | pollard run -k --progress none --stdin -- sh -c 'echo "$# $(cat)"' sh
[stdout]
0 one
0 two

=== --shell: a line is a command for sh; blank lines and comments are passed over
$ printf '%s\n' 'echo $((1+1)) | cat' '' '  # no' 'for i in a b; do echo $i; done' | pollard run -k --progress none --shell
[stdout]
2
a
b

=== under -- COMMAND a line that begins with # is an argument like any other, and so is one that begins with {
$ printf '%s\n' '# a' '{"run":"false"}' | pollard run -k --progress none -- misbehave args
[stdout]
\[# a]
\[{"run":"false"}]

=== --agent: a line is a prompt, also one that begins with # or {
[given .pollard/agents/say.md]
---
name: say
command: cat
---
$ printf '%s\n' '# a' '{"run":"false"}' '${{ vars.x }} {}' | pollard run -k --progress none --agent say
[stdout]
# a
{"run":"false"}
${{ vars.x }} {}

=== none of these: a line that begins with { is a task, others are the notation, and both may stand in one list
[given .pollard/agents/say.md]
---
name: say
command: cat
---
[given list]
# a comment
{"id": "one", "run": "echo object"}

say: notation
  {"id": "two", "run": ["echo", "indented"]}
$ pollard run -k --progress none --tag < list
[stdout like]
one	object
2	notation
two	indented
$ pollard run -k --progress none --tag -f list
[stdout like]
one	object
2	notation
two	indented
$ pollard run -k --progress none --tag -f - < list
[stdout like]
one	object
2	notation
two	indented

=== -0: records end with NUL, may hold newlines, and the last one needs no NUL
$ printf 'a\nb\0 c\0d' | pollard run -0 -k --progress none -- misbehave args
[stdout]
\[a
b]
\[ c]
\[d]
$ printf '%s\0' '{"id":"a",' | pollard run -0 --progress none
[stderr~]
^pollard: standard input:1:
[status] 65
$ printf '{\n"run": "echo many lines"\n}\0' | pollard run -0 --progress none
[stdout]
many lines

=== [10] a NUL in a line is refused with what to type instead, and so is one in a string
$ printf 'fine\na\0b\n' | pollard run -- echo
[stderr]
pollard: standard input:2: a NUL byte in a line; for records that end with NUL use -0
[status] 65
$ printf '{"id":"a\0b","run":"true"}\n' | pollard run
[stderr]
pollard: standard input:1: a NUL byte in a line; for records that end with NUL use -0
[status] 65
$ printf '%s\n' '{"id":"a\u0000b","run":"true"}' '{"run":["echo","\u0000"]}' | pollard run
[stderr like]
pollard: standard input:1:9: \\u0000 in a string.*
pollard: standard input:2:17: \\u0000 in a string.*
[status] 65

=== [17] a byte order mark and CRLF are accepted, in lines, objects and the notation
[given .pollard/agents/say.md]
---
name: say
command: cat
---
$ printf '\xef\xbb\xbfa\r\n\r\nb c\r\n' | pollard run -k --progress none -- misbehave args
[stdout]
\[a]
\[b c]
$ printf '\xef\xbb\xbf{"run":["misbehave","args","x"]}\r\nsay: it\r\n# comment\r\n' | pollard run -k --progress none
[stdout]
\[x]
it
$ printf '\xef\xbb\xbfPhase: X\r\nsay -> "it"\r\n' | pollard run -k --progress none
[stdout]
it

=== [17] a byte order mark is one only at the very beginning, and with -0 a CR is the record's own
$ printf 'a\n\xef\xbb\xbfb\n' | pollard run -k --progress none -- printf '%s\n' | od -An -c | tr -d ' \n'
[stdout no-newline]
a\n357273277b\n
$ printf 'a\r\0' | pollard run -0 --progress none -- printf '%s' | od -An -c | tr -d ' \n'
[stdout no-newline]
a\r

=== [17] bytes that are no text go to a command as they are: arguments are bytes
$ printf 'a\xff\xfe\x01b\n' | pollard run --progress none -- printf '%s' | od -An -tx1 | tr -d ' \n'
[stdout no-newline]
61fffe0162

=== [11] a prompt is UTF-8 or refused
[given .pollard/agents/say.md]
---
name: say
command: cat
---
$ printf 'ok\na\xffb\n\xc0\xaf\n\xed\xa0\x80\n' | pollard run --agent say
[stderr]
pollard: standard input:2: not valid UTF-8
pollard: standard input:3: not valid UTF-8
pollard: standard input:4: not valid UTF-8
[status] 65
$ printf 'say: a\xffb\n' | pollard run
[stderr]
pollard: standard input:1: not valid UTF-8
[status] 65

=== every error is reported before anything starts, up to 20, with its line; nothing ran and nothing was written
$ { for i in $(seq 10); do echo '{"run":"touch ran"}'; echo "{\"rum\":\"x\", \"nr\": $i}"; done; } > list
$ pollard run -f list
[stderr~]
^pollard: list:2: unknown key 'rum', did you mean 'run'\?$
^pollard: list:2: unknown key 'nr'
^pollard: list:4: unknown key 'rum'
^pollard: and \d+ more errors$
[status] 65
$ (pollard run -f list || true) 2>&1 | grep -c '^pollard: list:'
[stdout]
20
$ ls; ls "$POLLARD_STATE_DIR" 2>&1 | grep -c runs
[stdout]
list
0
[status] any

=== an error in the last of many records keeps the first from running
$ { for i in $(seq 3000); do echo '{"run":"touch ran"}'; done; echo '{"run":}'; } | pollard run -j 0
[stderr like]
pollard: standard input:3001:\d+: .*
[status] 65
$ ls
[stdout]

=== a line of no kind is told with what to type instead
$ printf 'make all\n' | pollard run
[stderr]
pollard: standard input:1: expected AGENT: PROMPT, a task object or a note; for a shell command use --shell, for arguments of one command use -- COMMAND
[status] 65

=== a record may be 16 MiB long and not more, and nothing of a longer one is kept in memory
$ head -c 16777216 /dev/zero | tr '\0' x | pollard run --progress none --stdin -- wc -c
[stdout]
16777216
$ head -c 16777217 /dev/zero | tr '\0' x | pollard run --progress none --stdin -- wc -c
[stderr]
pollard: standard input:1: longer than 16 MiB, the most that a record may have
[status] 65
$ head -c 300000000 /dev/zero | tr '\0' x | (ulimit -v 200000; pollard run --stdin -- wc -c)
[stderr]
pollard: standard input:1: longer than 16 MiB, the most that a record may have
[status] 65

=== [18] a hundred thousand tasks are read, refused for the last of them, and that in a moment
[limit] 30
$ { seq 100000 | sed 's/.*/{"id":"t&","run":"true"}/'; echo '{"id":"t77777","run":"true"}'; } | pollard run
[stderr]
pollard: standard input:100001: duplicate id 't77777': it is already that of line 77777
[status] 65

=== the list is not what tasks read: their standard input is at its end
$ printf 'a\nb\nc\n' | pollard run -k --progress none -j 1 -- sh -c 'echo "$1:$(cat)"' sh
[stdout]
a:
b:
c:
$ printf 'a\nb\nc\n' | pollard run -k --progress none --stream -j 1 -- sh -c 'echo "$1:$(cat)"' sh
[stdout]
a:
b:
c:

=== -C changes the directory before the list, agents and commands are looked for
[given sub/list]
here: x
[given sub/.pollard/agents/here.md]
---
name: here
command: pwd
---
$ pollard run -C sub --progress none -f list
[stdout]
<DIR>/sub
$ pollard run -C nowhere --progress none -f list
[stderr~]
^pollard: .*'nowhere'
[status] 66

=== options of one form of input exclude those of another
[given .pollard/agents/say.md]
---
name: say
command: cat
---
$ echo x | pollard run --shell -- echo
[stderr~]
^pollard: .*--shell
[status] 64
$ echo x | pollard run --agent say --shell
[stderr~]
^pollard: .*--(shell|agent)
[status] 64
$ echo x | pollard run --stdin
[stderr~]
^pollard: .*--stdin
[status] 64

=== a workflow file and a folder that cannot hold the state are told by their status
$ echo x > file
$ echo x | POLLARD_STATE_DIR=$PWD/file pollard run --progress none -- echo
[stderr~]
^pollard: .*file
[status] 73
$ echo x | pollard run --progress none --state-dir /proc/nowhere -- echo
[stderr~]
^pollard: .*/proc
[status] 73

=== names from the list that act on a terminal are shown as text
$ printf '\033]0;x\007\033[31mred: y\n' | pollard run
[stderr!]
\\x1b
\\x07
[status] 65
$ printf '{"\033[31m": 1}\n' | pollard run
[stderr!]
\\x1b
[status] 65
$ printf '{"id":"\\u001b[31m\\u202e","run":"true"}\n' | pollard run
[stderr!]
\\x1b
‮
[status] 65

=== --stream: a bad line becomes a failed task `invalid`, the others run
$ printf '%s\n' '{"id":"a","run":"echo A"}' '{"id":"a","run":"echo B"}' 'nonsense' '{"run":' '{"id":"c","run":"echo C"}' | pollard run --stream -k --progress none
[stdout]
A
C
[stderr~]
^pollard: .*PARTIAL 2/5
duplicate id 'a': it is already that of line 1
expected AGENT: PROMPT
[status] 1
$ pollard failed
[stdout]
{"id":"a","run":"echo B"}
nonsense
{"run":

=== --stream: an unknown agent is one bad line, and so is a line that is too long for an argument
$ printf '%s\n' 'nobody: x' '{"run":"echo fine"}' | pollard run --stream -k --progress none
[stdout]
fine
[stderr~]
^pollard: .*PARTIAL 1/2
no agent 'nobody'
[status] 1
$ { echo a; head -c 131072 /dev/zero | tr '\0' x; echo; echo c; } | pollard run --stream -k --progress none -- misbehave args
[stdout]
\[a]
\[c]
[stderr~]
^pollard: .*PARTIAL 2/3
131071
[status] 1

=== --stream: `needs` may only point backwards, to tasks that are over, too
$ printf '%s\n' '{"id":"a","run":"echo A"}' '{"id":"b","run":"echo B","needs":["a"]}' '{"id":"c","run":"echo C","needs":["d"]}' '{"id":"d","run":"echo D"}' | pollard run --stream -k --progress none
[stdout]
A
B
D
[stderr~]
^pollard: .*PARTIAL 3/4
'needs': no task before this one has the id 'd'
[status] 1

=== --stream: an empty list is no task
$ pollard run --stream --progress none -- echo < /dev/null

=== [1] an empty stream says so
$ pollard run --stream -- echo < /dev/null
[stderr~]
^pollard: 0 of 0 succeeded

=== [20] a workflow by its name is told from a list, and what cannot be read as one is never run as a list
[given flow.yaml]
version: 1
steps: []
$ pollard run -f flow.yaml
[stderr]
pollard: flow.yaml:2:8: 'steps': expected an array of at least one step, got an empty array
[status] 65
