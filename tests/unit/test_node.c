#include <check.h>
#include <string.h>

#include "supervisor/plan/node.h"

Suite *node_suite(void);

static struct task tasks[10000];

START_TEST(a_new_node)
{
	struct nodes ns = { 0 };
	ck_assert_uint_eq(nodes_add(&ns, &tasks[3], 0), 0);
	const struct node *n = nodes_at(&ns, 0);
	ck_assert_ptr_eq(n->task, &tasks[3]);
	ck_assert_int_lt(n->last.offset, 0);
	ck_assert_uint_eq(n->attempts, 0);
	ck_assert_uint_eq(n->unmet, 0);
	ck_assert(!n->shown);
	nodes_free(&ns);
	ck_assert_uint_eq(ns.end, 0);
}
END_TEST

START_TEST(indices_outlive_what_is_forgotten)
{
	struct nodes ns = { 0 };
	for (size_t i = 0; i < 10000; i++) {
		ck_assert_uint_eq(nodes_add(&ns, &tasks[i], 0), i);
		nodes_at(&ns, i)->attempts = (uint16_t)(i % 1000);
		nodes_at(&ns, i)->shown = true;
		/* a window that moves along: what was forgotten leaves no trace in what comes */
		if (i % 7 == 6)
			nodes_forget(&ns, i - 3);
		for (size_t k = ns.base; k < i + 1; k++) {
			const struct node *n = nodes_at(&ns, k);
			if (n->task != &tasks[k] || n->attempts != k % 1000)
				ck_abort_msg("node %zu is another one's after %zu", k, i);
		}
	}
	nodes_forget(&ns, ns.end);
	ck_assert_uint_eq(ns.base, ns.end);
	ck_assert_uint_eq(nodes_add(&ns, &tasks[5], 0), 10000);
	ck_assert(!nodes_at(&ns, 10000)->shown);
	ck_assert_uint_eq(nodes_at(&ns, 10000)->attempts, 0);
	/* the memory is that of the window, not of all that ever was */
	ck_assert_uint_lt(ns.cap, 10000);
	nodes_free(&ns);
}
END_TEST

Suite *node_suite(void)
{
	Suite *s = suite_create("node");
	TCase *t = tcase_create("node");

	tcase_add_test(t, a_new_node);
	tcase_add_test(t, indices_outlive_what_is_forgotten);
	suite_add_tcase(s, t);
	return s;
}
