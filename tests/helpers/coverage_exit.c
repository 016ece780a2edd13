/* For `make coverage`: _exit() that keeps the counters. A worker ends with it. */
#include <gcov.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

void __wrap__exit(int status)
{
	__gcov_dump();
	/* After vfork() this is the parent's memory too: it begins anew, else it would write nothing at its own end. */
	__gcov_reset();
	__real__exit(status);
}
