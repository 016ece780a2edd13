/*
 * A library to be preloaded: makes the N-th call of one kind fail, in the first process only, never in
 * what that forks or starts.
 *
 *   INJECT=KIND:ERROR@N     the N-th call of that kind fails, counted from 1 at the start of main()
 *   INJECT=KIND:ERROR@N+    that one and all after it
 *   INJECT_MARK=FILE        is written when the first one is made to fail
 *
 * KIND is malloc (also calloc, realloc), write (also pwrite, send), copy (copy_file_range, sendfile,
 * splice), sync (fsync, fdatasync), fork, pipe, open (open, openat, opendir), rename, mkdir or stat (fstat).
 * ERROR is the name of an errno; with write and copy also "short": half of it is written. Only calls from
 * outside of libc are seen, and of malloc those from inside as well. The mark is a few lines: the kind, the
 * size of the journal at that moment if one is open, and where it was called from, as offsets in the program.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* errno for what is no error but less than was asked for */
#define SHORT (-1)
#define FRAMES 24
#define DESCRIPTORS 256
#define EARLY_BYTES 4096

enum kind { MALLOC, WRITE, COPY, SYNC, FORK, PIPE, OPEN, RENAME, MKDIR, STAT, NKINDS };

static const char *const kinds[NKINDS] = { "malloc", "write", "copy", "sync", "fork", "pipe",
	"open", "rename", "mkdir", "stat" };

struct name {
	const char *name;
	int error;
};

static const struct name errors[] = {
	{ "EACCES", EACCES },
	{ "EAGAIN", EAGAIN },
	{ "EDQUOT", EDQUOT },
	{ "EIO", EIO },
	{ "EMFILE", EMFILE },
	{ "ENFILE", ENFILE },
	{ "ENOMEM", ENOMEM },
	{ "ENOSPC", ENOSPC },
	{ "EROFS", EROFS },
	{ "short", SHORT },
};

/* What is asked for; set by prepare() before main(). */
static struct {
	bool armed;
	bool busy; /* we are at work: what we call is none of the program's calls */
	bool marked;
	bool on; /* all that come after the N-th as well */
	enum kind kind;
	int error;
	unsigned long wanted;
	unsigned long count;
	long pid;
	const char *mark;
	uintptr_t base; /* of the program */
	uintptr_t end;
} plan;

/* The real function of that name; what dlsym() itself allocates comes from early_memory(). */
static void *real(const char *name)
{
	bool before = plan.busy;
	void *function;

	plan.busy = true;
	function = dlsym(RTLD_NEXT, name);
	plan.busy = before;
	if (function == NULL)
		abort();
	return function;
}

#define REAL(name) \
	static __typeof__(name) *next; \
	if (next == NULL) \
	next = (__typeof__(name) *)real(#name)

/* The mark. */

__attribute__((format(printf, 2, 3))) static void say(int fd, const char *format, ...)
{
	char line[128];
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (len > 0 && syscall(SYS_write, fd, line, (size_t)len) == -1)
		return;
}

/* How much of the journal there is at this moment. */
static void say_journal(int fd)
{
	char link[32], path[4096];
	struct stat st;

	for (int i = 3; i < DESCRIPTORS; i++) {
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", i);
		len = readlink(link, path, sizeof(path) - 1);
		if (len <= 0)
			continue;
		path[len] = '\0';
		if (strstr(path, "/journal.jsonl") != NULL &&
		    syscall(SYS_newfstatat, i, "", &st, AT_EMPTY_PATH) == 0)
			say(fd, "journal %lld\n", (long long)st.st_size);
	}
}

static void mark(void)
{
	void *frames[FRAMES];
	int count, fd;

	if (plan.mark == NULL || plan.marked)
		return;
	plan.marked = true;
	fd = (int)syscall(SYS_openat, AT_FDCWD, plan.mark,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1)
		return;
	say(fd, "kind %s\n", kinds[plan.kind]);
	say_journal(fd);
	count = backtrace(frames, FRAMES);
	for (int i = 0; i < count; i++) {
		uintptr_t at = (uintptr_t)frames[i];

		if (at >= plan.base && at < plan.end)
			say(fd, "at 0x%lx\n", (unsigned long)(at - plan.base));
	}
	syscall(SYS_close, fd);
}

/* What runs after this is the end of the program as the compiler made it: counting coverage, looking for leaks. */
static void disarm(void)
{
	plan.armed = false;
}

/* Whether this call is the one. A child shares this memory after vfork(), so its number is looked at first. */
static bool hit(enum kind kind)
{
	if (!plan.armed || plan.busy || kind != plan.kind || syscall(SYS_getpid) != plan.pid)
		return false;
	if (plan.count++ == 0) {
		/* not before main(): the last one to be asked for is called first */
		plan.busy = true;
		atexit(disarm);
		plan.busy = false;
	}
	if (plan.count < plan.wanted || (plan.count > plan.wanted && !plan.on))
		return false;
	plan.busy = true;
	mark();
	plan.busy = false;
	if (plan.error != SHORT)
		errno = plan.error;
	return true;
}

/* How many bytes may be moved of so many; 0: none, with errno. */
static size_t allowed(enum kind kind, size_t size)
{
	if (!hit(kind))
		return size;
	return plan.error == SHORT ? (size + 1) / 2 : 0;
}

/* The plan. */

static int program(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	plan.base = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end =
		    info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && end > plan.end)
			plan.end = end;
	}
	/* the first one is the program */
	return 1;
}

static _Noreturn void refuse(const char *text)
{
	fprintf(stderr, "inject: cannot read INJECT='%s'\n", text);
	_exit(64);
}

static void read_plan(const char *text)
{
	const char *colon = strchr(text, ':'), *at = strchr(text, '@');
	size_t i;
	char *end;

	if (colon == NULL || at == NULL || at < colon)
		refuse(text);
	for (i = 0; i < NKINDS; i++)
		if (strncmp(text, kinds[i], (size_t)(colon - text)) == 0 &&
		    kinds[i][colon - text] == '\0')
			break;
	if (i == NKINDS)
		refuse(text);
	plan.kind = (enum kind)i;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strncmp(colon + 1, errors[i].name, (size_t)(at - colon - 1)) == 0 &&
		    errors[i].name[at - colon - 1] == '\0')
			break;
	if (i == sizeof(errors) / sizeof(errors[0]))
		refuse(text);
	plan.error = errors[i].error;
	plan.wanted = strtoul(at + 1, &end, 10);
	plan.on = *end == '+';
	if (plan.wanted == 0)
		refuse(text);
}

__attribute__((constructor)) static void prepare(void)
{
	const char *text = getenv("INJECT");
	void *frames[FRAMES];

	if (text == NULL)
		return;
	read_plan(text);
	plan.mark = getenv("INJECT_MARK");
	plan.pid = syscall(SYS_getpid);
	dl_iterate_phdr(program, NULL);
	/* the first time it loads a library */
	backtrace(frames, FRAMES);
	/* what is started from here on is left alone; the strings stay where they are */
	unsetenv("LD_PRELOAD");
	unsetenv("INJECT");
	unsetenv("INJECT_MARK");
	plan.armed = true;
}

/* Memory. */

/* For the few calls before the real functions are known; never given back. */
static void *early_memory(size_t size)
{
	static _Alignas(16) char bytes[EARLY_BYTES];
	static size_t used;
	void *p = bytes + used;

	size = (size + 15) & ~(size_t)15;
	if (size > sizeof(bytes) - used)
		abort();
	used += size;
	return p;
}

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static bool looking;

static bool memory_ready(void)
{
	if (next_realloc != NULL)
		return true;
	if (looking)
		return false;
	looking = true;
	next_malloc = (void *(*)(size_t))real("malloc");
	next_calloc = (void *(*)(size_t, size_t))real("calloc");
	next_realloc = (void *(*)(void *, size_t))real("realloc");
	looking = false;
	return true;
}

void *malloc(size_t size)
{
	if (!memory_ready())
		return early_memory(size);
	return hit(MALLOC) ? NULL : next_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	/* early memory is zero as it is */
	if (!memory_ready())
		return early_memory(count * size);
	return hit(MALLOC) ? NULL : next_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	if (!memory_ready())
		return early_memory(size);
	return hit(MALLOC) ? NULL : next_realloc(old, size);
}

/* Writing. */

ssize_t write(int fd, const void *data, size_t size)
{
	size_t part = allowed(WRITE, size);
	REAL(write);
	return part == 0 && size > 0 ? -1 : next(fd, data, part);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	size_t part = allowed(WRITE, size);
	REAL(pwrite);
	return part == 0 && size > 0 ? -1 : next(fd, data, part, offset);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	size_t part = allowed(WRITE, size);
	REAL(send);
	return part == 0 && size > 0 ? -1 : next(fd, data, part, flags);
}

ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size,
    unsigned flags)
{
	size_t part = allowed(COPY, size);
	REAL(copy_file_range);
	return part == 0 && size > 0 ? -1 : next(in, in_offset, out, out_offset, part, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
	size_t part = allowed(COPY, size);
	REAL(sendfile);
	return part == 0 && size > 0 ? -1 : next(out, in, offset, part);
}

ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size,
    unsigned flags)
{
	size_t part = allowed(COPY, size);
	REAL(splice);
	return part == 0 && size > 0 ? -1 : next(in, in_offset, out, out_offset, part, flags);
}

int fsync(int fd)
{
	REAL(fsync);
	return hit(SYNC) ? -1 : next(fd);
}

int fdatasync(int fd)
{
	REAL(fdatasync);
	return hit(SYNC) ? -1 : next(fd);
}

/* Processes. */

pid_t fork(void)
{
	REAL(fork);
	return hit(FORK) ? -1 : next();
}

int pipe2(int ends[2], int flags)
{
	REAL(pipe2);
	return hit(PIPE) ? -1 : next(ends, flags);
}

/* Files. Each name that a compiler may make of open() and openat(). */

static mode_t mode_of(int flags, va_list *ap)
{
	return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(*ap, mode_t) : 0;
}

static int open_next(int dir, const char *path, int flags, mode_t mode)
{
	if (hit(OPEN))
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define OPEN_LIKE(name) \
	int name(const char *path, int flags, ...) \
	{ \
		va_list ap; \
		mode_t mode; \
\
		va_start(ap, flags); \
		mode = mode_of(flags, &ap); \
		va_end(ap); \
		return open_next(AT_FDCWD, path, flags, mode); \
	}
#define OPENAT_LIKE(name) \
	int name(int dir, const char *path, int flags, ...) \
	{ \
		va_list ap; \
		mode_t mode; \
\
		va_start(ap, flags); \
		mode = mode_of(flags, &ap); \
		va_end(ap); \
		return open_next(dir, path, flags, mode); \
	}

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

OPEN_LIKE(open)
OPEN_LIKE(open64)
OPENAT_LIKE(openat)
OPENAT_LIKE(openat64)

int __open_2(const char *path, int flags)
{
	return open_next(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_next(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags)
{
	return open_next(dir, path, flags, 0);
}

int __openat64_2(int dir, const char *path, int flags)
{
	return open_next(dir, path, flags, 0);
}

DIR *opendir(const char *path)
{
	REAL(opendir);
	return hit(OPEN) ? NULL : next(path);
}

int rename(const char *old, const char *new)
{
	REAL(rename);
	return hit(RENAME) ? -1 : next(old, new);
}

int renameat(int old_dir, const char *old, int new_dir, const char *new)
{
	REAL(renameat);
	return hit(RENAME) ? -1 : next(old_dir, old, new_dir, new);
}

int mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);
	return hit(MKDIR) ? -1 : next(path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	REAL(mkdirat);
	return hit(MKDIR) ? -1 : next(dir, path, mode);
}

int fstat(int fd, struct stat *st)
{
	REAL(fstat);
	return hit(STAT) ? -1 : next(fd, st);
}
