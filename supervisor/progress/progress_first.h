/* The first line of the progress block. Nobody but progress_block.c includes this. */
#ifndef POLLARD_PROGRESS_FIRST_H
#define POLLARD_PROGRESS_FIRST_H

#include "supervisor/progress/progress_block.h"
#include "supervisor/progress/progress_line.h"

/* Narrower terminals get the shortest form of it, and nothing else. */
#define BLOCK_WIDTH_MIN 40

/* Draws it into l, as much of it as there is room for; the least important goes first. */
void first_draw(struct line *l, const struct block_view *v);

#endif
