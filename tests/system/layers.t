# scripts/layers finds what breaks the rules of who may depend on whom.

=== a tree that keeps to the rules passes, each rule on a line
[given make.sh 755]
#!/bin/sh
# make.sh: compiles all *.c of shared, supervisor, workers into o/
for f in shared/*.c supervisor/*.c workers/*.c; do
	mkdir -p "o/${f%/*}" && cc -I. -w -c -o "o/${f%.c}.o" "$f" || exit
done
[given shared/s.c]
int s(void) { return 1; }
[given supervisor/main.c]
#include "workers/worker.h"
int s(void);
int main(void) { worker_main(); return s(); }
[given supervisor/spawn.c]
int fork(void);
int spawn(void) { return fork(); }
[given supervisor/loop.c]
int poll(void);
int loop(void) { return poll(); }
[given workers/worker.h]
void worker_main(void);
[given workers/worker.c]
#include "workers/worker.h"
int s(void);
int poll(void);
void worker_main(void) { s(); poll(); }
$ ./make.sh && $POLLARD_SOURCE/scripts/layers . o
[stdout!]
FAIL
[stdout~]
^ok shared/ includes neither
^ok only supervisor/loop waits
^layers: 6 source files, 5 objects
$ echo '#include "supervisor/x.h"' >shared/bad.h; $POLLARD_SOURCE/scripts/layers . o; s=$?; rm shared/bad.h; exit $s
[stdout~]
^FAIL shared/ includes neither
^  ./shared/bad.h:1:
[status] 1
$ echo '#include "../workers/worker.h"' >supervisor/bad.c; $POLLARD_SOURCE/scripts/layers . o; s=$?; rm supervisor/bad.c; exit $s
[stdout~]
^FAIL supervisor/ does not include workers/
[status] 1
$ echo 'void worker_main(void); void b(void) { worker_main(); }' >supervisor/bad.c; ./make.sh; $POLLARD_SOURCE/scripts/layers . o; s=$?; rm supervisor/bad.c o/supervisor/bad.o; exit $s
[stdout~]
^FAIL supervisor/ calls nothing in workers/
^  supervisor/bad.o worker_main
^FAIL only supervisor/main names worker_main
[status] 1
$ echo 'int vfork(void); int __poll_chk(void); int __sprintf_chk(void); void b(void) { vfork(); __poll_chk(); __sprintf_chk(); }' >supervisor/bad.c; ./make.sh; $POLLARD_SOURCE/scripts/layers . o; s=$?; rm supervisor/bad.c o/supervisor/bad.o; exit $s
[stdout~]
^FAIL only supervisor/spawn and workers/command start processes
^  supervisor/bad.o vfork
^FAIL only supervisor/loop waits
^  supervisor/bad.o poll
^FAIL nobody uses strcpy
^  supervisor/bad.o sprintf
[status] 1
$ echo 'int spawn(void); int b(void) { return spawn(); }' >workers/bad.c; ./make.sh; $POLLARD_SOURCE/scripts/layers . o; s=$?; rm workers/bad.c o/workers/bad.o; exit $s
[stdout~]
^FAIL workers/ calls nothing in supervisor/
^  workers/bad.o spawn \(of supervisor/spawn.o\)
[status] 1

=== without objects it says so and fails
$ mkdir -p a/shared a/supervisor a/workers; $POLLARD_SOURCE/scripts/layers a a
[stdout~]
^FAIL no objects
[status] 1
