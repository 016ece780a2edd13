/*
 * Exit statuses of pollard. Below 64 they speak of the tasks, from 64 to 78
 * (the numbers of <sysexits.h>) of pollard itself.
 */
#ifndef POLLARD_EXITS_H
#define POLLARD_EXITS_H

enum exit_status {
	EXIT_MET = 0,	      /* the requirement was met */
	EXIT_PARTIAL = 1,     /* outcome partial, and that is not enough */
	EXIT_NONE = 2,	      /* outcome none; escalated to the user */
	EXIT_ESCALATED = 3,   /* partial, not enough, a person must decide */
	EXIT_STOPPED = 4,     /* a deadline or budget stopped the run */
	EXIT_USAGE = 64,      /* wrong usage */
	EXIT_INPUT = 65,      /* bad input, nothing was run */
	EXIT_NOINPUT = 66,    /* input file missing */
	EXIT_INTERNAL = 70,   /* a bug in pollard */
	EXIT_SYSTEM = 71,     /* the system refused: fork, pipe, memory */
	EXIT_NOSTATE = 73,    /* cannot create the state */
	EXIT_IO = 74,	      /* reading or writing failed */
	EXIT_LOCKED = 75,     /* another run holds the lock */
	EXIT_PERMISSION = 77, /* permission denied */
	EXIT_CONFIG = 78,     /* bad configuration */
};

#endif
