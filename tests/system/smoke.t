# The first promises: if one of these is broken, nothing else is worth reading.

=== a line becomes the last argument of the command
$ printf 'a\nb\n' | pollard run -k -- echo
[stdout]
a
b
[status] 0

=== {} in a word is the line, {#} its number, and no shell reads either
$ printf '%s\n' '$HOME; x' '*' | pollard run -k -- echo '{#}:' '<{}>'
[stdout]
1: <$HOME; x>
2: <*>

=== a failed task makes the run partial: status 1, and standard error names it
$ printf '%s\n' 0 3 | pollard run -k --progress none -- misbehave exit
[stderr~]
^pollard: .*PARTIAL 1/2 \(2\)
[status] 1

=== no task succeeded: status 2
$ printf '%s\n' 3 3 | pollard run -k --progress none -- misbehave exit
[stderr~]
^pollard: .*NONE 0/2
[status] 2

=== --version says a name and a version
$ pollard --version
[stdout~]
^pollard \d+\.\d+\.\d+$

=== an unknown option is told with what was probably meant, and nothing runs
$ echo a | pollard run --retrys 3 -- touch
[stderr~]
^pollard: .*'?--retrys
--retries
[status] 64
$ ls
[stdout]
[status] 0
