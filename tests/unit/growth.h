/* What a test asks of work that is to grow with its amount, not with its square. */
#ifndef GROWTH_H
#define GROWTH_H

#include <check.h>
#include <time.h>

/* Processor time of WORK(n), in seconds. */
static inline double growth_seconds(void (*work)(size_t n), size_t n)
{
	clock_t begin = clock();

	work(n);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/*
 * Fails the test when WORK(4 N) takes more than ten times what WORK(N) takes: in proportion it is four times, with each
 * looked at for each other sixteen times. So no limit is in seconds, which sanitizers and slow machines would decide
 * about. N is chosen so that the square of it would take seconds; a fifth of one is what noise may be.
 */
static inline void growth_in_proportion(void (*work)(size_t n), size_t n)
{
	double once = growth_seconds(work, n);

	ck_assert_double_lt(growth_seconds(work, 4 * n), 10 * once + 0.2);
}

#endif
