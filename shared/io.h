/*
 * Reading and writing that goes on after interruptions and short counts.
 */
#ifndef POLLARD_IO_H
#define POLLARD_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes all of it to a blocking descriptor: 0, or -1 with errno. */
int write_all(int fd, const void *data, size_t len);
/* Reads until len bytes or the end of file: how many, or -1 with errno. */
ssize_t read_all(int fd, void *data, size_t len);
ssize_t pread_all(int fd, void *data, size_t len, off_t offset);
int set_nonblocking(int fd);

/* An unnamed file in the directory, read and written by us alone, gone with its descriptor; -1 with errno. */
int unnamed_file(const char *directory);

struct buf;
/*
 * Appends a whole file, of at most max bytes (more is EFBIG): 0, or -1 with errno and out as it
 * was.
 */
int read_file_at(int dirfd, const char *path, struct buf *out, size_t max);
/*
 * Replaces a file: a new one (mode 0600) beside it, written, renamed over it; with `sync` the file
 * and its directory are synced. The old one is whole until then, the new one afterwards; no
 * temporary file is left. 0, or -1 with errno.
 */
int replace_file_at(int dirfd, const char *path, const void *data, size_t len, bool sync);

#endif
