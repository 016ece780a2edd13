#include "workers/diagnosis.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SUBJECT_LEN_MAX 120
#define HINT_MAX_MS (24 * 3600 * INT64_C(1000))

static const struct {
	const char *text;
	enum strategy strategy;
	bool places;
} classes[] = {
#define X(name, text, strategy, places) { text, strategy, places },
	FAILURE_CLASSES(X)
#undef X
};

const char *failure_class_text(enum failure_class class)
{
	return classes[class].text;
}

enum strategy failure_class_strategy(enum failure_class class)
{
	return classes[class].strategy;
}

const char *strategy_text(enum strategy strategy)
{
	static const char *const texts[] = { "parallel", "sequential", "stop" };

	return texts[strategy];
}

/* The patterns. */

enum where {
	IN_ERROR = 1, /* what the worker or an adapter says: about the failure and nothing else */
	IN_LINE = 2,  /* the telling line of standard error */
	NEAR = 4,     /* and the lines beside it that tell as much */
	IN_CODE = 8,  /* although that is a complaint about code */
};

#define MESSAGE (IN_ERROR | IN_LINE | NEAR)
#define ANYWHERE (MESSAGE | IN_CODE)

/* What the pattern's words are about, and where it stands. */
enum about {
	ABOUT_NOTHING,
	ABOUT_FILE, /* the quoted word, what stands before ": …", or what stands behind it */
	ABOUT_HOST,
};

/*
 * Words that stand in this order in a line; " ... " is anything between, "|" at the end is the end
 * of the phrase. Case does not count, and a word is not found inside another. "#429" is that status
 * of HTTP, not any number 429. The first pattern that fits decides.
 */
struct pattern {
	enum failure_class class;
	unsigned where;
	const char *words;
	enum about about;
	const char *says; /* the cause; NULL: the line itself is shown */
};

static const char not_found[] = "'{}': command not found";
static const char no_file[] = "'{}': no such file or directory";
static const char not_executable[] = "'{}': not executable";
static const char no_module[] = "a module is missing: {}";
static const char held[] = "cannot take the lock {}: another process holds it";
static const char held_by_git[] = "cannot take the lock {}: another git process is at work";
static const char in_use[] = "the address {} is in use";
static const char no_space[] = "no space left on device (writing {})";
static const char over_quota[] = "disk quota exceeded (writing {})";
static const char refused[] = "connection refused by {}";
static const char unresolved[] = "the host {} cannot be found";
static const char unreachable[] = "no connection to {}";
static const char broken[] = "the connection to {} was broken";

static const struct pattern patterns[] = {
	/* Before permissions: these say the same words. */
	{ CLASS_AUTH, MESSAGE, "permission denied (publickey", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "permission denied (password", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "permission denied, please try again", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "permission to ... denied to", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "permission_denied: ... api key", ABOUT_NOTHING, NULL },
	{ CLASS_PERMISSION, MESSAGE, "are you root?", ABOUT_NOTHING, NULL },

	{ CLASS_DISK_FULL, ANYWHERE, "no space left on device", ABOUT_FILE, no_space },
	{ CLASS_DISK_FULL, MESSAGE, "ENOSPC", ABOUT_FILE, no_space },
	{ CLASS_DISK_FULL, ANYWHERE, "disk quota exceeded", ABOUT_FILE, over_quota },
	{ CLASS_DISK_FULL, MESSAGE, "EDQUOT", ABOUT_FILE, over_quota },
	{ CLASS_DISK_FULL, MESSAGE, "database or disk is full", ABOUT_NOTHING, "the disk is full" },
	{ CLASS_DISK_FULL, MESSAGE, "don't have enough free space", ABOUT_FILE, NULL },
	{ CLASS_DISK_FULL, MESSAGE, "not enough space on", ABOUT_NOTHING, NULL },
	{ CLASS_DISK_FULL, MESSAGE, "wrote only ... of ... bytes", ABOUT_NOTHING, NULL },
	{ CLASS_DISK_FULL, MESSAGE, "disk full", ABOUT_NOTHING, NULL },
	{ CLASS_READ_ONLY, ANYWHERE, "read-only file system", ABOUT_FILE,
	    "read-only file system: {}" },
	{ CLASS_READ_ONLY, MESSAGE, "EROFS", ABOUT_FILE, "read-only file system: {}" },
	{ CLASS_READ_ONLY, MESSAGE, "attempt to write a readonly database", ABOUT_NOTHING,
	    "the database is read-only" },
	{ CLASS_READ_ONLY, MESSAGE, "cannot execute ... in a read-only transaction", ABOUT_NOTHING,
	    NULL },

	/* Before permissions: a lock can be refused with EACCES or EAGAIN. */
	{ CLASS_CONTENTION, MESSAGE, ".lock ... : file exists", ABOUT_FILE, held_by_git },
	{ CLASS_CONTENTION, MESSAGE, "could not lock ... file exists", ABOUT_FILE, held },
	{ CLASS_CONTENTION, MESSAGE, "another git process seems to be running", ABOUT_NOTHING,
	    "another git process is at work in the repository" },
	{ CLASS_CONTENTION, ANYWHERE, "unable to lock ... : is at ... but expected", ABOUT_NOTHING,
	    NULL },
	{ CLASS_CONTENTION, ANYWHERE, "cannot lock ref ... but expected", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "could not get lock ... held by", ABOUT_FILE, held },
	{ CLASS_CONTENTION, MESSAGE, "could not get lock ... resource temporarily unavailable",
	    ABOUT_FILE, held },
	{ CLASS_CONTENTION, MESSAGE, "unable to acquire the dpkg", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "is locked by another process", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "is locked by another", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "index is locked", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "in use by another", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "lock is held by", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "lock held by", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "waiting for file lock on", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "waiting for another ... lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "waiting for lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "timeout waiting to lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "holds the ... lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "currently holding the ... lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "failed to acquire ... lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "error acquiring the state lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "could not acquire ... lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "cannot acquire ... lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "failed to get lock", ABOUT_FILE, held },
	{ CLASS_CONTENTION, MESSAGE, "failed to get the lock", ABOUT_FILE, held },
	{ CLASS_CONTENTION, MESSAGE, "could not obtain lock on", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "unable to lock ... already", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "unable to obtain lock", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "lock wait timeout exceeded", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "lock timeout", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "canceling statement due to lock timeout", ABOUT_NOTHING,
	    NULL },
	{ CLASS_CONTENTION, MESSAGE, "deadlock detected", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "deadlock found when trying", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "could not serialize access", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "too many clients already", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "database is locked", ABOUT_NOTHING, "the database is locked" },
	{ CLASS_CONTENTION, MESSAGE, "database table is locked", ABOUT_NOTHING,
	    "the database is locked" },
	{ CLASS_CONTENTION, MESSAGE, "database schema is locked", ABOUT_NOTHING,
	    "the database is locked" },
	{ CLASS_CONTENTION, MESSAGE, "SQLITE_BUSY", ABOUT_NOTHING, "the database is locked" },
	{ CLASS_CONTENTION, MESSAGE, "address already in use", ABOUT_HOST, in_use },
	{ CLASS_CONTENTION, MESSAGE, "EADDRINUSE", ABOUT_HOST, in_use },
	{ CLASS_CONTENTION, MESSAGE, "port is already allocated", ABOUT_HOST, in_use },
	{ CLASS_CONTENTION, MESSAGE, "port ... is already in use", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, MESSAGE, "port ... is in use", ABOUT_NOTHING, NULL },
	{ CLASS_CONTENTION, ANYWHERE, "text file busy", ABOUT_FILE,
	    "{} is being executed (text file busy)" },
	{ CLASS_CONTENTION, MESSAGE, "ETXTBSY", ABOUT_FILE,
	    "{} is being executed (text file busy)" },
	{ CLASS_CONTENTION, MESSAGE, "resource busy or locked", ABOUT_FILE,
	    "{} is in use by another process" },
	{ CLASS_CONTENTION, MESSAGE, "is being used by another process", ABOUT_FILE,
	    "{} is in use by another process" },

	/* A program that cannot be started stops all, whatever it says of permissions. */
	{ CLASS_MISSING, MESSAGE, "command not found", ABOUT_FILE, not_found },
	{ CLASS_MISSING, MESSAGE, "sh: ... : not found", ABOUT_FILE, not_found },
	{ CLASS_MISSING, MESSAGE, "executable file not found", ABOUT_FILE, not_found },
	{ CLASS_MISSING, MESSAGE, "env: ... no such file or directory", ABOUT_FILE, not_found },
	{ CLASS_MISSING, MESSAGE, "make: ... : no such file or directory", ABOUT_FILE, not_found },
	{ CLASS_MISSING, MESSAGE, "spawn ... ENOENT", ABOUT_FILE, not_found },
	{ CLASS_MISSING, MESSAGE, "bad interpreter", ABOUT_FILE,
	    "the interpreter of '{}' does not exist" },
	{ CLASS_MISSING, MESSAGE, "exec format error", ABOUT_FILE, not_executable },
	{ CLASS_MISSING, MESSAGE, "cannot execute", ABOUT_FILE, not_executable },
	{ CLASS_MISSING, MESSAGE, "can't cd to", ABOUT_FILE, "cannot enter the directory '{}'" },
	{ CLASS_MISSING, MESSAGE, "cd: ... no such file or directory", ABOUT_FILE,
	    "cannot enter the directory '{}'" },
	{ CLASS_MISSING, MESSAGE, "error while loading shared libraries", ABOUT_NOTHING, NULL },
	{ CLASS_MISSING, ANYWHERE, "no module named", ABOUT_FILE, no_module },
	{ CLASS_MISSING, ANYWHERE, "cannot find module", ABOUT_FILE, no_module },
	{ CLASS_MISSING, ANYWHERE, "cannot find package", ABOUT_FILE, no_module },
	{ CLASS_MISSING, ANYWHERE, "can't locate ... in @INC", ABOUT_NOTHING, NULL },
	{ CLASS_MISSING, ANYWHERE, "could not find or load main class", ABOUT_FILE, NULL },
	{ CLASS_MISSING, MESSAGE, "could not find ... in ... or any parent directory", ABOUT_NOTHING,
	    NULL },
	{ CLASS_MISSING, MESSAGE, "missing script:", ABOUT_NOTHING, NULL },
	{ CLASS_MISSING, MESSAGE, "no rule to make target", ABOUT_FILE, NULL },
	{ CLASS_MISSING, MESSAGE, "no targets specified and no makefile found", ABOUT_NOTHING, NULL },
	{ CLASS_MISSING, MESSAGE, "not a git repository", ABOUT_NOTHING, NULL },
	{ CLASS_MISSING, MESSAGE, "not a docker command", ABOUT_NOTHING, NULL },
	{ CLASS_MISSING, MESSAGE, "file not found: ", ABOUT_NOTHING, NULL },
	{ CLASS_MISSING, MESSAGE, "identity file ... not accessible", ABOUT_NOTHING, NULL },

	/* Lines that name a host: before the file patterns, which are more general. */
	{ CLASS_NETWORK, MESSAGE, "connection refused", ABOUT_HOST, refused },
	{ CLASS_NETWORK, MESSAGE, "ECONNREFUSED", ABOUT_HOST, refused },
	{ CLASS_NETWORK, MESSAGE, "connection reset", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "ECONNRESET", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "socket hang up", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "stream disconnected", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "connection closed by", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "connection aborted", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "remote end closed connection", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "server closed the connection unexpectedly", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "empty reply from server", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "connection was forcibly closed", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "the remote end hung up unexpectedly", ABOUT_HOST, broken },
	{ CLASS_NETWORK, MESSAGE, "could not resolve host", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "could not resolve hostname", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "unable to resolve host", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "name or service not known", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "failure in name resolution", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "temporary failure resolving", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "nodename nor servname provided", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "could not translate host name", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "no such host", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "ENOTFOUND", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "EAI_AGAIN", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "UnknownHostException", ABOUT_HOST, unresolved },
	{ CLASS_NETWORK, MESSAGE, "no route to host", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "EHOSTUNREACH", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "network is unreachable", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "ENETUNREACH", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "connection timed out", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "connect timed out", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "operation timed out", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "ETIMEDOUT", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "i/o timeout", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "TLS handshake timeout", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "ConnectTimeoutError", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "ConnectTimeout:", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "ReadTimeout:", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "ReadTimeoutError", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "failed to connect to", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "connection to server ... failed", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "could not connect to server", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "couldn't connect to server", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "cannot connect to the docker daemon", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "TypeError: fetch failed", ABOUT_HOST, unreachable },
	{ CLASS_NETWORK, MESSAGE, "idle timeout waiting for", ABOUT_HOST, unreachable },

	/* A service: what it says of its limits and of those who ask. */
	{ CLASS_QUOTA, MESSAGE, "insufficient_quota", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "exceeded your current quota", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "exhausted your ... quota", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "exhausted your capacity", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "usage limit reached", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "hit your usage limit", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "hit your limit", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "hit your ... limit ... resets", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "limit reached ... resets", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "usage_limit_reached", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "usageLimitExceeded", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "daily ... limit reached", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "quota exceeded for quota metric ... per day", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "reached your ... quota", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "credit balance is too low", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "requires more credits", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "insufficient credits", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "insufficient balance", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "billing hard limit", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "billing_hard_limit_reached", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "spending limit", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, MESSAGE, "#402", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, IN_ERROR, "quota exceeded", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, IN_ERROR, "quota reached", ABOUT_NOTHING, NULL },
	{ CLASS_QUOTA, IN_ERROR, "usage limit", ABOUT_NOTHING, NULL },

	{ CLASS_RATE_LIMIT, MESSAGE, "too many requests", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "toomanyrequests:", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "#429", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "#529", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "#503", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "code E429", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "503 service unavailable", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "RateLimitError:", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "rate_limit_error", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "rate_limit_exceeded", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "rate limit exceeded", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "rate limit reached", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "rate limit hit", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "rate limited", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "exceeded ... rate limit", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "reached ... rate limit", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "hit ... rate limit", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "exceeded a secondary rate limit", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "ThrottlingException", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "Rate exceeded", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "slow down ... requests", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "RESOURCE_EXHAUSTED", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "resource exhausted", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "resource has been exhausted", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "quota exceeded for quota metric", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "overloaded_error", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "model is overloaded", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "is currently overloaded", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "experiencing high demand", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, MESSAGE, "temporarily limiting requests", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, IN_ERROR, "rate limit", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, IN_ERROR, "overloaded", ABOUT_NOTHING, NULL },
	{ CLASS_RATE_LIMIT, IN_ERROR, "high demand", ABOUT_NOTHING, NULL },

	{ CLASS_AUTH, MESSAGE, "#401", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "code E401", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "ENEEDAUTH", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "401 unauthorized|", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "authentication_error", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "AuthenticationError:", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "authentication failed", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "password authentication failed", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "authentication required", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "authentication method that", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "no password supplied", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "no pg_hba.conf entry", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "could not read username for", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "could not read password for", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "host key verification failed", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "invalid ... api key", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "incorrect api key", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "api key not valid", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "invalid_api_key", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "no api key", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "api key ... not set", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "missing api key", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "must specify ... api_key", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "set an auth method", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "no auth credentials", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "oauth token ... expired", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "token ... has expired", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "token has been invalidated", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "refresh token ... already used", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "please run /login", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "not logged in", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "bad credentials", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "unable to locate credentials", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "could not load ... credentials", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "no basic auth credentials", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "ExpiredToken", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "InvalidClientTokenId", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "requested access to the resource is denied", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "http basic: access denied", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "access denied for user", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "incorrect or missing password", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "run gh auth login", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "#403", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, MESSAGE, "403 forbidden|", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, IN_ERROR, "unauthorized", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, IN_ERROR, "oauth", ABOUT_NOTHING, NULL },
	{ CLASS_AUTH, IN_ERROR, "api key", ABOUT_NOTHING, NULL },

	{ CLASS_MEMORY, ANYWHERE, "heap out of memory", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, ANYWHERE, "out of memory", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, ANYWHERE, "OutOfMemoryError", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "std::bad_alloc", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, ANYWHERE, "cannot allocate memory", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "can't allocate", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "unable to allocate", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "memory allocation of ... failed", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "failed to allocate ... bytes", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "virtual memory exhausted", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, ANYWHERE, "memory exhausted", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "could not reserve enough space", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "os::commit_memory ... failed", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "insufficient memory for the java runtime", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "ENOMEM", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "MemoryError", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "signal: killed", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "signal: 9, SIGKILL", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, MESSAGE, "killed signal terminated program", ABOUT_NOTHING, NULL },
	{ CLASS_MEMORY, IN_ERROR, "killed by SIGKILL", ABOUT_NOTHING, NULL },

	{ CLASS_PERMISSION, ANYWHERE, "permission denied", ABOUT_FILE, "permission denied: {}" },
	{ CLASS_PERMISSION, MESSAGE, "EACCES", ABOUT_FILE, "permission denied: {}" },
	{ CLASS_PERMISSION, MESSAGE, "operation not permitted", ABOUT_FILE,
	    "operation not permitted: {}" },
	{ CLASS_PERMISSION, MESSAGE, "EPERM", ABOUT_FILE, "operation not permitted: {}" },
	{ CLASS_PERMISSION, MESSAGE, "AccessDeniedException:", ABOUT_FILE, "permission denied: {}" },
	{ CLASS_PERMISSION, MESSAGE, "must be superuser", ABOUT_NOTHING, NULL },
	{ CLASS_PERMISSION, MESSAGE, "insufficient permission for adding an object", ABOUT_FILE,
	    "permission denied: {}" },
	{ CLASS_PERMISSION, MESSAGE, "detected dubious ownership", ABOUT_NOTHING, NULL },

	{ CLASS_MISSING, ANYWHERE, "no such file or directory", ABOUT_FILE, no_file },
	{ CLASS_MISSING, ANYWHERE, "ENOENT", ABOUT_FILE, no_file },
	{ CLASS_MISSING, MESSAGE, "NoSuchFileException:", ABOUT_FILE, no_file },
	{ CLASS_MISSING, MESSAGE, "unable to open database file", ABOUT_FILE, NULL },
	{ CLASS_MISSING, ANYWHERE, "error: file not found", ABOUT_FILE, NULL },
	{ CLASS_MISSING, ANYWHERE, "fatal error: ... file not found", ABOUT_FILE, no_file },
	{ CLASS_MISSING, MESSAGE, "unable to access jarfile", ABOUT_FILE, no_file },
};

/* Finding them. */

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool ends_in(const char *line, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(end - line) >= len && strncasecmp(end - len, word, len) == 0 &&
	    ((size_t)(end - line) == len || !is_word_byte(end[-(ptrdiff_t)len - 1]));
}

/* Whether what stands before a number makes it a status of HTTP. */
static bool status_before(const char *line, const char *number, bool *weak)
{
	static const char *const words[] = { "http", "https", "status", "statuscode", "status_code",
		"code", "http_status", "httpstatus", "http_code", "error_status", "api_error_status",
		"failed with", "error code", "responded with", "response" };
	const char *end = number;

	*weak = false;
	while (end > line && strchr(" :=\"'([#", end[-1]) != NULL)
		end--;
	/* HTTP/1.1 429 */
	if (end < number && end > line && isdigit((unsigned char)end[-1])) {
		while (end > line && (isdigit((unsigned char)end[-1]) || end[-1] == '.'))
			end--;
		return end > line && end[-1] == '/' && ends_in(line, end - 1, "http");
	}
	for (size_t i = 0; i < COUNT(words); i++)
		if (ends_in(line, end, words[i]))
			return true;
	*weak = ends_in(line, end, "error") || ends_in(line, end, "err");
	return *weak;
}

/* "Error: 429 Too Many Requests", but not "Error: 429 tests failed". */
static bool phrase_behind(const char *rest, const char *end)
{
	static const char *const phrases[] = { "too many", "rate", "unauthorized", "forbidden",
		"service unavailable", "overloaded", "payment", "status", "client error", "you",
		"provider", "{", "resource" };

	if (rest == end || !is_blank(*rest))
		return rest == end || !isalnum((unsigned char)*rest);
	while (rest < end && is_blank(*rest))
		rest++;
	if (rest == end || strchr("{([\"'-|", *rest) != NULL)
		return true;
	for (size_t i = 0; i < COUNT(phrases); i++)
		if (signature_find(rest, (size_t)(end - rest), phrases[i]) == rest)
			return true;
	return false;
}

static const char *find_status(const char *line, size_t len, const char *number)
{
	const char *end = line + len, *at = line;
	bool weak;

	while ((at = signature_find(at, (size_t)(end - at), number)) != NULL) {
		const char *rest = at + strlen(number);

		if (at > line && status_before(line, at, &weak) && (!weak || phrase_behind(rest, end)))
			return at;
		at = rest;
	}
	return NULL;
}

/* "401 Unauthorized - GET", but not "401 unauthorized routes". */
static bool ends_phrase(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at == end || !isalnum((unsigned char)*at);
}

/* Where a pattern was found. */
struct match {
	const char *from;
	const char *to;
};

static bool match_words(const char *line, size_t len, const char *words, struct match *m)
{
	const char *at = line, *end = line + len;
	char part[64];

	m->from = NULL;
	if (words[0] == '#') {
		m->from = find_status(line, len, words + 1);
		m->to = m->from != NULL ? m->from + strlen(words + 1) : NULL;
		return m->from != NULL;
	}
	while (words != NULL) {
		const char *gap = strstr(words, " ... ");
		size_t n = gap != NULL ? (size_t)(gap - words) : strcspn(words, "|");
		const char *found;

		memcpy(part, words, n);
		part[n] = '\0';
		found = signature_find(at, (size_t)(end - at), part);
		if (found == NULL)
			return false;
		/* What the subject is beside: the last words, for they are the message. */
		m->from = found;
		at = found + n;
		m->to = at;
		if (words[n] == '|' && !ends_phrase(at, end))
			return false;
		words = gap != NULL ? gap + 5 : NULL;
	}
	return true;
}

/*
 * Whether a line that looks like an answer is about the limits of services and not of one: rate
 * limits and credentials are what people write programs and reviews about.
 */
static bool is_said_of_others(const char *line, size_t len)
{
	static const char *const words[] = { "test", "tests", "spec", "review", "should", "handler",
		"middleware", "function", "handles", "handling", "implement", "refactor", "TODO",
		"README", "FAIL", "PASS", "mutants", "endpoint", "returns", "tested", "passed" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (signature_find(line, len, words[i]) != NULL)
			return true;
	return signature_is_prose(line, len);
}

static bool is_about_services(enum failure_class class)
{
	return class == CLASS_AUTH || class == CLASS_QUOTA || class == CLASS_RATE_LIMIT;
}

/* What ran out of time waits, or was slow: only these are known to make it so. */
static bool can_be_waited_for(enum failure_class class)
{
	return class == CLASS_RATE_LIMIT || class == CLASS_CONTENTION || class == CLASS_NETWORK;
}

static const struct pattern *find_pattern(const char *line, size_t len, unsigned where,
    bool timed_out, struct match *m)
{
	bool code = where != IN_ERROR && signature_is_about_code(line, len);
	bool others = where != IN_ERROR && is_said_of_others(line, len);

	for (size_t i = 0; i < COUNT(patterns); i++) {
		const struct pattern *p = &patterns[i];

		if ((p->where & where) == 0 || (code && (p->where & IN_CODE) == 0) ||
		    (others && is_about_services(p->class)) ||
		    (timed_out && !can_be_waited_for(p->class)))
			continue;
		if (match_words(line, len, p->words, m))
			return p;
	}
	return NULL;
}

/* What a line is about. */

static bool take(struct buf *out, const char *from, const char *to)
{
	while (from < to && strchr(" \t\"'`([<,;", *from) != NULL)
		from++;
	while (to > from && strchr(" \t\"'`)]>,;:.", to[-1]) != NULL)
		to--;
	if (from == to || to - from > SUBJECT_LEN_MAX)
		return false;
	buf_add(out, from, (size_t)(to - from));
	return true;
}

/* The first quoted word between the two, in '…', "…", `…' or typographic quotes. */
static bool take_quoted(struct buf *out, const char *from, const char *to)
{
	for (const char *at = from; at < to; at++) {
		char close = *at == '`' ? '\'' : *at;
		const char *end;

		if (to - at > 3 && memcmp(at, "\xe2\x80\x98", 3) == 0) {
			end = memmem(at, (size_t)(to - at), "\xe2\x80\x99", 3);
			if (end != NULL)
				return take(out, at + 3, end);
			continue;
		}
		if ((*at != '\'' && *at != '"' && *at != '`') || (at > from && is_word_byte(at[-1])))
			continue;
		end = memchr(at + 1, close, (size_t)(to - at - 1));
		if (end == NULL && *at == '`')
			end = memchr(at + 1, '`', (size_t)(to - at - 1));
		if (end != NULL && end > at + 1)
			return take(out, at + 1, end);
	}
	return false;
}

/* What stands between ": " and the words that were found: "sh: 1: node: not found". */
static bool take_before(struct buf *out, const char *line, const char *found)
{
	const char *end = found, *start;

	while (end > line && strchr(" :([", end[-1]) != NULL)
		end--;
	if (end == found && *found != ':')
		return false;
	for (start = end; start > line; start--)
		if (start - line >= 2 && start[-1] == ' ' && start[-2] == ':')
			break;
	/* A sentence is no name: the last word of it may be one. */
	if (memchr(start, ' ', (size_t)(end - start)) != NULL) {
		const char *space = memrchr(start, ' ', (size_t)(end - start));

		if (memchr(space, '/', (size_t)(end - space)) == NULL &&
		    memchr(space, '.', (size_t)(end - space)) == NULL)
			return false;
		start = space + 1;
	}
	return !(end > start && isdigit((unsigned char)*start) && end - start < 4) &&
	    take(out, start, end);
}

static bool take_word(struct buf *out, const char *from, const char *to)
{
	while (from < to && strchr(" :([", *from) != NULL)
		from++;
	for (const char *end = from;; end++)
		if (end == to || is_blank(*end))
			return take(out, from, end);
}

static bool take_path(struct buf *out, const char *from, const char *to)
{
	for (const char *at = from; at < to; at++)
		if (*at == '/' && (at == from || strchr(" '\"`(:", at[-1]) != NULL))
			return take_word(out, at, to);
	return false;
}

static void find_file(struct buf *out, const char *line, size_t len, const struct match *m)
{
	const char *end = line + len;

	if (take_quoted(out, m->to, end) || take_quoted(out, line, m->from) ||
	    take_before(out, line, m->from))
		return;
	if (m->to < end && *m->to == ':' && take_word(out, m->to, end))
		return;
	if (take_path(out, m->to, end) || take_path(out, line, m->from))
		return;
	if (m->to < end && *m->to == ' ')
		take_word(out, m->to, end);
}

/* A port that is told apart from its host: "host 127.0.0.1 port 22". */
static void add_port(struct buf *out, const char *rest, const char *end)
{
	static const char *const words[] = { "port", "port=" };
	const char *at = NULL;

	if (out->len == 0 || memchr(out->data, ':', out->len) != NULL)
		return;
	for (size_t i = 0; i < COUNT(words) && at == NULL; i++) {
		at = signature_find(rest, (size_t)(end - rest), words[i]);
		if (at != NULL)
			at += strlen(words[i]);
	}
	while (at != NULL && at < end && (*at == ' ' || *at == ':'))
		at++;
	if (at == NULL || at == end || !isdigit((unsigned char)*at))
		return;
	buf_addch(out, ':');
	while (at < end && isdigit((unsigned char)*at))
		buf_addch(out, *at++);
}

static bool is_host_byte(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_' || c == ':';
}

/* Whether the word can be the name or address of a host: it has a dot, and no file ends so. */
static bool looks_like_host(const char *word, size_t len)
{
	const char *colon = memchr(word, ':', len);
	const char *dot = memrchr(word, '.', colon != NULL ? (size_t)(colon - word) : len);
	size_t digits = 0;

	if (len >= 3 && strncmp(word, "::1", 3) == 0)
		return true;
	if (len >= 10 && strncmp(word, "localhost:", 10) == 0)
		return true;
	if (dot == NULL || dot == word || word + len - dot < 2)
		return false;
	for (const char *at = word; at < word + len; at++)
		digits += isdigit((unsigned char)*at) ? 1 : 0;
	if (digits >= 4 && isdigit((unsigned char)dot[1]))
		return true;
	for (size_t i = 0; i < len && word + i < dot; i++)
		if (isupper((unsigned char)word[i]))
			return false;
	return word + len - dot > 2 && islower((unsigned char)dot[1]) &&
	    isalpha((unsigned char)word[0]);
}

static bool take_host_after(struct buf *out, const char *line, const char *end)
{
	static const char *const words[] = { "host:", "host", "hostname", "host name", "server at",
		"ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "lookup", "resolving", "UnknownHostException:",
		"connect to", "closed by", "host=", "address:", "connecting to" };

	for (size_t i = 0; i < COUNT(words); i++) {
		const char *at = signature_find(line, (size_t)(end - line), words[i]), *stop;

		if (at == NULL)
			continue;
		at += strlen(words[i]);
		while (at < end && strchr(" :\"'([", *at) != NULL)
			at++;
		for (stop = at; stop < end && is_host_byte(*stop); stop++)
			;
		if (stop - at < 2 || signature_find(at, (size_t)(stop - at), "port") == at)
			continue;
		if (strchr(words[i], '=') == NULL && memchr(at, '.', (size_t)(stop - at)) == NULL &&
		    memchr(at, ':', (size_t)(stop - at)) == NULL && i >= 8)
			continue;
		/* "to host by", "host is": words, not names. */
		if (stop - at <= 3 && islower((unsigned char)*at))
			continue;
		if (take(out, at, stop)) {
			add_port(out, stop, end);
			return true;
		}
	}
	return false;
}

static void find_host(struct buf *out, const char *line, size_t len)
{
	const char *end = line + len, *url = memmem(line, len, "://", 3), *stop;

	if (url != NULL) {
		for (stop = url + 3; stop < end && !is_blank(*stop) &&
		     strchr("/'\"`)>,", *stop) == NULL; stop++)
			;
		if (stop > url + 3 && take(out, url + 3, stop))
			return;
		if (take_word(out, url + 3, end))
			return;
	}
	if (take_host_after(out, line, end))
		return;
	for (const char *at = line; at < end; at = stop + 1) {
		for (stop = at; stop < end && is_host_byte(*stop); stop++)
			;
		if (stop > at && looks_like_host(at, (size_t)(stop - at)) && take(out, at, stop)) {
			add_port(out, stop, end);
			return;
		}
	}
}

static void find_subject(struct diagnosis *d, const struct pattern *p, const struct match *m)
{
	struct buf *out = &d->subject;

	if (p->about == ABOUT_FILE)
		find_file(out, d->seen.data, d->seen.len, m);
	else if (p->about == ABOUT_HOST)
		find_host(out, d->seen.data, d->seen.len);
	if (p->about == ABOUT_HOST && out->len == 0)
		/* npm and node tell the host in another line. */
		find_host(out, buf_str(&d->text), d->text.len);
}

/* One place is one host, or one directory: tasks write different files into it. */
static void find_place(struct diagnosis *d)
{
	const char *slash;
	size_t len = d->subject.len;

	if (!classes[d->class].places)
		return;
	if (d->class != CLASS_NETWORK && len > 0) {
		slash = memrchr(d->subject.data, '/', len);
		len = slash != NULL ? (size_t)(slash - d->subject.data) + 1 : 0;
	}
	buf_add(&d->place, buf_str(&d->subject), len);
}

/* Times to wait. */

static const char *skip_in(const char *at, const char *end, const char *set)
{
	while (at < end && *at != '\0' && strchr(set, *at) != NULL)
		at++;
	return at;
}

static bool skip_word(const char **at, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - *at) < len || strncasecmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* "1m12.5s", "500 ms", "30": in milliseconds, -1 when there is none; `unit` when it has none. */
static int64_t read_time(const char *at, const char *end, double unit)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = { { "milliseconds", 1 }, { "ms", 1 }, { "minutes", 60000 }, { "minute", 60000 },
		{ "mins", 60000 }, { "min", 60000 }, { "m", 60000 }, { "seconds", 1000 },
		{ "second", 1000 }, { "secs", 1000 }, { "sec", 1000 }, { "s", 1000 },
		{ "hours", 3600000 }, { "hour", 3600000 }, { "h", 3600000 } };
	double sum = 0;
	bool any = false;

	while (at < end && isdigit((unsigned char)*at)) {
		double value = 0, scale = 1;
		bool named = false;

		for (; at < end && isdigit((unsigned char)*at); at++)
			value = value < 1e12 ? value * 10 + (*at - '0') : value;
		if (at + 1 < end && *at == '.' && isdigit((unsigned char)at[1]))
			for (at++; at < end && isdigit((unsigned char)*at); at++) {
				scale /= 10;
				value += (*at - '0') * scale;
			}
		at = skip_in(at, end, " ");
		for (size_t i = 0; i < COUNT(units) && !named; i++) {
			const char *behind = at;

			if (!skip_word(&behind, end, units[i].name) ||
			    (behind < end && isalpha((unsigned char)*behind)))
				continue;
			named = true;
			sum += value * units[i].ms;
			at = behind;
		}
		if (!named) {
			sum += any ? 0 : value * unit;
			any = true;
			break;
		}
		any = true;
	}
	if (!any)
		return -1;
	return sum < (double)HINT_MAX_MS ? (int64_t)(sum + 0.5) : HINT_MAX_MS;
}

/* What stands behind "retry" or "try again": " after 2s", "_delay_ms\": 500", "-After: 30". */
static int64_t read_hint(const char *at, const char *end)
{
	static const char *const links[] = { "after", "in", "delay" };
	bool linked = false;
	double unit = 1000;

	at = skip_in(at, end, " -_");
	for (size_t i = 0; i < COUNT(links) && !linked; i++)
		linked = skip_word(&at, end, links[i]);
	if (!linked)
		return -1;
	at = skip_in(at, end, " _-");
	if (skip_word(&at, end, "ms"))
		unit = 1;
	else if (skip_word(&at, end, "seconds"))
		unit = 1000;
	else if (skip_word(&at, end, "about ") || skip_word(&at, end, "at least "))
		unit = 1000;
	return read_time(skip_in(at, end, " \\\"':=(~"), end, unit);
}

int64_t diagnosis_hint_ms(const char *text, size_t len)
{
	static const char *const words[] = { "retry", "retrying", "try again", "wait" };
	const char *end = text + len;
	int64_t longest = 0;

	for (const char *at = text; at < end; at++) {
		int64_t hint = -1;

		for (size_t i = 0; i < COUNT(words) && hint < 0; i++) {
			const char *behind = at;

			if (!skip_word(&behind, end, words[i]))
				continue;
			hint = read_hint(behind, end);
			if (hint < 0 && words[i][0] == 'w' && behind < end && *behind == ' ')
				hint = isdigit((unsigned char)behind[1]) ? read_time(behind + 1, end, 1000) : -1;
		}
		if (hint > longest)
			longest = hint;
	}
	return longest;
}

/* The diagnosis. */

static bool is(const char *text, const char *word)
{
	return text != NULL && strcmp(text, word) == 0;
}

static void set_class(struct diagnosis *d, enum failure_class class, const char *says)
{
	d->class = class;
	d->says = says;
}

static bool see(struct diagnosis *d, struct telling line, unsigned where, bool timed_out)
{
	struct match m;
	const struct pattern *p = find_pattern(line.data, line.len, where, timed_out, &m);

	if (p == NULL)
		return false;
	set_class(d, p->class, p->says);
	d->seen = line;
	find_subject(d, p, &m);
	return true;
}

/* What the worker and the adapters say in one word. */
static bool see_reason(const struct symptoms *s, struct diagnosis *d)
{
	static const struct {
		const char *reason;
		enum failure_class class;
	} reasons[] = {
		{ "rate-limit", CLASS_RATE_LIMIT },
		{ "quota", CLASS_QUOTA },
		{ "auth", CLASS_AUTH },
	};

	for (size_t i = 0; i < COUNT(reasons); i++)
		if (is(s->reason, reasons[i].reason)) {
			set_class(d, reasons[i].class, NULL);
			d->seen = d->telling;
			return true;
		}
	return false;
}

static bool can_be_seen_in_text(const struct symptoms *s)
{
	/* These say that the attempt ended well but for its answer. */
	return !is(s->reason, "output") && !is(s->reason, "context") && !is(s->reason, "invalid");
}

static bool see_text(const struct symptoms *s, struct diagnosis *d, const struct telling *lines,
    size_t count, bool is_error)
{
	bool timed_out = is(s->reason, "timeout") || is(s->reason, "idle-timeout");

	if (!can_be_seen_in_text(s))
		return false;
	for (size_t i = 0; i < count; i++)
		if (see(d, lines[i], is_error ? IN_ERROR : i == 0 ? IN_LINE : NEAR, timed_out))
			return true;
	return false;
}

static bool is_status(const struct symptoms *s, int status)
{
	return is(s->reason, "exit") && s->exit_status == status;
}

/* 126 and 127 are what shells say of a command that cannot be run, whatever the text says. */
static void see_shell_status(const struct symptoms *s, struct diagnosis *d)
{
	bool missing = is_status(s, 127);

	if ((!missing && !is_status(s, 126)) || d->class == CLASS_MISSING)
		return;
	set_class(d, CLASS_MISSING,
	    d->subject.len > 0 ? missing ? not_found : not_executable :
	    d->telling.len > 0 ? NULL :
	    missing	       ? "exit 127: a command was not found" :
				 "exit 126: a command is not executable");
}

static void see_end(const struct symptoms *s, struct diagnosis *d)
{
	if (is(s->reason, "spawn"))
		set_class(d, CLASS_MISSING, NULL);
	else if (is(s->reason, "signal") && is(s->signal, "SIGKILL"))
		set_class(d, CLASS_MEMORY,
		    "killed by SIGKILL, which pollard did not send: probably out of memory");
	else if (is_status(s, 137))
		set_class(d, CLASS_MEMORY, "exit 137, killed by SIGKILL: probably out of memory");
	else if (is(s->reason, "timeout") || is(s->reason, "idle-timeout"))
		set_class(d, CLASS_TIMEOUT, NULL);
}

/* Whether `error` is more than what the status says: of "exit" the telling line is the evidence. */
static bool has_own_error(const struct symptoms *s)
{
	static const char *const reasons[] = { "exit", "signal", "timeout", "idle-timeout" };

	if (s->error == NULL || *s->error == '\0')
		return false;
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (is(s->reason, reasons[i]))
			return false;
	return true;
}

static void look_at(const struct symptoms *s, struct diagnosis *d, const char *text, size_t len,
    bool is_error)
{
	struct telling lines[TELLING_MAX];
	size_t count;

	buf_reset(&d->text);
	signature_clean(&d->text, text, len);
	count = signature_telling_lines(buf_str(&d->text), d->text.len, lines);
	d->telling = count > 0 ? lines[0] : (struct telling){ buf_str(&d->text), 0 };
	if (!see_reason(s, d))
		see_text(s, d, lines, count, is_error);
}

void diagnose(const struct symptoms *s, struct diagnosis *d)
{
	bool own_error = has_own_error(s);

	memset(d, 0, sizeof(*d));
	if (own_error)
		look_at(s, d, s->error, strlen(s->error), true);
	if (!own_error || (d->class == CLASS_NONE && s->err_len > 0))
		look_at(s, d, s->err, s->err_len, false);
	if (d->class == CLASS_NONE)
		see_end(s, d);
	see_shell_status(s, d);
	if (d->class == CLASS_RATE_LIMIT)
		d->hint_ms = diagnosis_hint_ms(buf_str(&d->text), d->text.len);
	find_place(d);
}

void diagnosis_free(struct diagnosis *d)
{
	buf_free(&d->text);
	buf_free(&d->subject);
	buf_free(&d->place);
}

void diagnosis_status(struct buf *out, const struct symptoms *s)
{
	if (s->signal != NULL)
		buf_addstr(out, s->signal);
	else if (s->exit_status >= 0)
		buf_addf(out, "exit %d", s->exit_status);
}
