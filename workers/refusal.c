#include "workers/refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/text.h"

#define SHEBANG_MAX 128
#define FILE_MAX 4096

/*
 * What a relative name is relative to: the caller closes it when it is not AT_FDCWD; -1 when it
 * cannot be opened.
 */
static int base_of(const char *file, const char *cwd)
{
	if (cwd == NULL || *file == '/')
		return AT_FDCWD;
	return open(cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void close_base(int base)
{
	if (base >= 0)
		close(base);
}

static bool file_status(const char *file, const char *cwd, struct stat *st)
{
	int base = base_of(file, cwd);
	bool found = base != -1 && fstatat(base, file, st, 0) == 0;

	close_base(base);
	return found;
}

/* The interpreter that a script names in its first line; false when the file is no script. */
static bool read_interpreter(const char *file, const char *cwd, char name[SHEBANG_MAX])
{
	char line[SHEBANG_MAX];
	const char *start;
	ssize_t n;
	size_t len;
	int base = base_of(file, cwd);
	/* Not to hang on a FIFO. */
	int fd = openat(base, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	close_base(base);
	if (fd < 0)
		return false;
	n = pread_all(fd, line, sizeof(line) - 1, 0);
	close(fd);
	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = '\0';
	start = line + 2 + strspn(line + 2, " \t");
	len = strcspn(start, " \t\r\n");
	memcpy(name, start, len);
	name[len] = '\0';
	return true;
}

/* The file of that name that stands first on the path; false when there is none. */
static bool find_on_path(const char *name, const char *path, char file[FILE_MAX])
{
	for (;; path++) {
		size_t len = strcspn(path, ":");
		struct stat st;

		if (len > 0 && len < FILE_MAX) {
			snprintf(file, FILE_MAX, "%.*s/%s", (int)len, path, name);
			if (stat(file, &st) == 0)
				return true;
		}
		path += len;
		if (*path == '\0')
			return false;
	}
}

static void explain_not_found(struct result *r, const char *name, const char *path, const char *cwd)
{
	char interpreter[SHEBANG_MAX], on_path[FILE_MAX];
	const char *file = name;
	struct stat st;

	if (*name == '\0') {
		result_set_error(r, "cannot start '': the command is empty");
		return;
	}
	if (strchr(name, '/') == NULL) {
		if (!find_on_path(name, path, on_path)) {
			result_set_error(r, "cannot start '%s': command not found (PATH was %s)",
			    safe(name), safe(path));
			return;
		}
		file = on_path;
	}
	if (!file_status(file, cwd, &st))
		result_set_error(r, "cannot start '%s': no such file", safe(name));
	else if (read_interpreter(file, cwd, interpreter))
		result_set_error(r, "cannot start '%s': its interpreter '%s' does not exist",
		    safe(name), safe(interpreter));
	else
		result_set_error(r,
		    "cannot start '%s': its loader does not exist (built for another "
		    "system?)",
		    safe(name));
}

static void explain_denied(struct result *r, const char *file, const char *cwd)
{
	struct stat st;
	const char *why = "not executable";

	if (strchr(file, '/') != NULL) {
		if (!file_status(file, cwd, &st))
			why = "permission denied on the way to it";
		else if (S_ISDIR(st.st_mode))
			why = "is a directory";
		else if ((st.st_mode & 0111) != 0)
			why = "permission denied";
	}
	result_set_error(r, "cannot start '%s': %s", safe(file), why);
}

static void explain_exec(struct result *r, int error, const char *file, const char *path,
    const char *cwd)
{
	switch (error) {
	case ENOENT:
		explain_not_found(r, file, path, cwd);
		break;
	case EACCES:
		explain_denied(r, file, cwd);
		break;
	case E2BIG:
		result_set_error(r,
		    "cannot start '%s': argument list too long: give long text on "
		    "standard input",
		    safe(file));
		break;
	default:
		result_set_error(r, "cannot start '%s': %s", safe(file), strerror(error));
	}
}

static void explain_chdir(struct result *r, int error, const char *file, const char *cwd)
{
	if (error == ENOENT)
		result_set_error(r, "cannot start '%s': no such directory '%s'", safe(file),
		    safe(cwd));
	else
		result_set_error(r, "cannot start '%s': cannot enter directory '%s': %s",
		    safe(file), safe(cwd), strerror(error));
}

void refusal_explain(struct result *r, struct refusal refusal, const char *file, const char *path,
    const char *cwd)
{
	r->status = RESULT_FAILED;
	r->reason = REASON_SPAWN;
	switch (refusal.step) {
	case STEP_PIPE:
		result_set_error(r, "cannot start '%s': no pipe: %s", safe(file),
		    strerror(refusal.error));
		break;
	case STEP_INPUT:
		result_set_error(r, "cannot start '%s': no file for its prompt: %s", safe(file),
		    strerror(refusal.error));
		break;
	case STEP_FORK:
		result_set_error(r, "cannot start '%s': no process: %s", safe(file),
		    strerror(refusal.error));
		break;
	case STEP_CHDIR:
		explain_chdir(r, refusal.error, file, cwd);
		break;
	case STEP_DUP:
		result_set_error(r, "cannot start '%s': cannot set up its files: %s", safe(file),
		    strerror(refusal.error));
		break;
	case STEP_EXEC:
		explain_exec(r, refusal.error, file, path, cwd);
		break;
	}
}
