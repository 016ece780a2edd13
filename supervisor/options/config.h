/*
 * The options of one invocation. Filled once by options_parse(), constant from then on.
 */
#ifndef POLLARD_CONFIG_H
#define POLLARD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOT_GIVEN (-1)

enum output_form { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_MERGED, OUTPUT_NONE };
enum merge_form { MERGE_DEFAULT, MERGE_NONE, MERGE_CONCAT, MERGE_JSON, MERGE_AGENT };
enum require_kind { REQUIRE_ALL, REQUIRE_PARTIAL, REQUIRE_COUNT, REQUIRE_PERCENT };
enum sync_when { SYNC_END, SYNC_STEP, SYNC_TASK };
enum progress_form { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_PLAIN, PROGRESS_NONE };
enum color_form { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
/* when a run of the same name goes on; DEFAULT: not said, runs go on side by side */
enum if_running { IF_RUNNING_DEFAULT, IF_RUNNING_WAIT, IF_RUNNING_SKIP, IF_RUNNING_FAIL };
enum input_form { INPUT_AUTO, INPUT_COMMAND, INPUT_SHELL, INPUT_AGENT };

/* --min-free-memory: bytes, or percent of all there is; both 0: no floor */
struct memory_floor {
	uint64_t bytes;
	unsigned percent;
};

/* --var NAME=VALUE */
struct variable {
	const char *name; /* not NUL-terminated: name_len bytes */
	size_t name_len;
	const char *value;
};

struct require {
	enum require_kind kind;
	uint64_t number; /* REQUIRE_COUNT: tasks; REQUIRE_PERCENT: percent */
};

/*
 * Declared and filled by main(), read by everything; its strings are those of the arguments and
 * of the environment.
 */
struct config {
	/* how pollard was called */
	const char *const *argv; /* all words, NULL-terminated */
	const char *directory;	 /* -C; NULL: stay. main() has changed there */
	bool help;		 /* --help, while parsing */
	bool version;		 /* --version, while parsing */
	const char *topic;	 /* `help TOPIC`, or the command of --help; NULL: all */
	bool stdin_closed;	 /* was closed at the start, is /dev/null now */
	bool stdout_closed;

	/* input */
	enum input_form input;
	const char *const *command;  /* INPUT_COMMAND: words, NULL-terminated */
	bool command_stdin;	     /* --stdin: the line goes to standard input */
	const char *agent;	     /* INPUT_AGENT */
	const char *file;	     /* -f; NULL or "-": standard input */
	bool shell;		     /* --shell: INPUT_SHELL */
	bool nul;		     /* -0 */
	bool stream;		     /* --stream */
	const char *format;	     /* --format yaml or json; NULL: by the name of the file */
	const struct variable *vars; /* --var, in order */
	size_t nvars;
	bool rehearse;
	const char *rehearsal; /* --rehearse=FILE; NULL: without one */

	/* what runs beside what */
	uint32_t jobs;	 /* 0: as many as tasks */
	bool jobs_given; /* by option or environment: else a workflow's limit counts */
	bool sequential;
	uint64_t tokens_at_once; /* 0: none */
	int64_t delay_ms;
	bool strict_scopes;
	bool no_adapt; /* rate limits are failures like any other */
	struct memory_floor min_free;
	bool private_config; /* clients get a configuration directory for each task */

	/* limits; NOT_GIVEN: the default of the kind of task */
	int64_t timeout_ms;	 /* 0: none */
	int64_t idle_timeout_ms; /* 0: none */
	int64_t grace_ms;
	int64_t max_output;	/* 0: none */
	int64_t deadline_ms;	/* 0: none, also where a workflow has one */
	uint64_t budget_tokens; /* 0: none */
	double budget_usd;	/* 0: none */

	/* failures */
	int retries;	      /* NOT_GIVEN */
	const char *debugger; /* "builtin", "none" or an agent */
	bool allow_fix;
	bool fail_fast;
	struct require require;
	bool require_given;

	/* output */
	enum output_form output;
	bool output_given; /* on the command line */
	bool keep_order;
	bool tag;
	enum merge_form merge;
	const char *merge_agent;
	enum progress_form progress;
	enum color_form color;
	bool cron;	    /* progress, output and if_running are set already as it implies */
	const char *notify; /* a command for sh -c; NULL: none */

	/* the record */
	const char *name; /* NULL: none */
	enum if_running if_running;
	const char *state_dir;	/* NULL: the default */
	const char *state_file; /* NULL: none */
	bool no_record;
	enum sync_when sync;
	const char *backend; /* NULL: not said */
	bool backend_given;  /* by option or environment: else an agent's own counts */

	/* going on with a run */
	bool resume;	   /* run --resume */
	bool retry_failed; /* resume --retry-failed */
	bool repair;	   /* resume --repair */

	/* of other commands */
	bool dry_run;
	const char *run;	   /* RUN; NULL: the newest */
	const char *task;	   /* TASK; NULL: none */
	const char *agent_name;	   /* `agents NAME` */
	bool check;		   /* agents --check */
	const char *report_format; /* report --format; NULL: not said */
	const char *report_file;   /* report -O; NULL: standard output */
	int64_t keep;		   /* clean --keep; NOT_GIVEN */
	int64_t older_ms;	   /* clean --older; NOT_GIVEN */
};

#endif
