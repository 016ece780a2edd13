/*
 * What the adapters share: the reader that gathers, and how the form of one client is described to it.
 * For the files adapter*.c alone; everybody else uses adapter.h.
 */
#ifndef POLLARD_ADAPTER_READER_H
#define POLLARD_ADAPTER_READER_H

#include <cjson/cJSON.h>

#include "shared/buf.h"
#include "workers/adapter.h"

#define READER_TAIL_MAX ((size_t)8 * 1024)
/* Bytes of a complaint that are looked at. */
#define READER_COMPLAINT_MAX ((size_t)8 * 1024)

/* The form of one client's output. Constant; every function may be NULL. */
struct dialect {
	/* A JSON document of standard output, and of standard error; of an array each item. */
	void (*event)(struct reader *r, const cJSON *event);
	void (*err_event)(struct reader *r, const cJSON *event);
	/* A line that is none, without its newline. */
	void (*line)(struct reader *r, const char *line, size_t len);
	void (*err_line)(struct reader *r, const char *line, size_t len);
	/* The beginning of a document of standard output that is too long to be kept. */
	void (*cut)(struct reader *r, const char *head, size_t len);
	/* The client has ended with this exit status, -1: by a signal. */
	void (*end)(struct reader *r, int exit_status);
	/* Beginnings of lines that are passed over unread, ends with NULL; NULL: none. */
	const char *const *skip;
	bool plain; /* text: it has no final event, its exit status says how it ended */
};

enum splitter_state {
	SPLIT_LINE,	/* at the beginning of a line, or inside one that may be wanted */
	SPLIT_DOCUMENT, /* inside a document of several lines */
	SPLIT_SKIP,	/* in the rest of a line that is not */
};

/* Cuts one stream into lines and documents. Part of a reader. */
struct splitter {
	enum splitter_state state;
	struct buf text; /* the line, or the lines of the document */
	size_t line;	 /* where in it the line begins */
	size_t max;	 /* bytes of it that are kept */
};

/* What the client reported as its failure. */
struct complaint {
	bool made;
	struct buf text;  /* as it came, its first bytes */
	int status;	  /* of HTTP; 0: not told */
	int64_t retry_ms; /* told in a field; 0: not */
};

/* Made by reader_new(), filled while the client runs, read by reader_finish(), freed by reader_free(). */
struct reader {
	const struct dialect *dialect;
	struct splitter out;
	struct splitter err;
	struct buf err_tail; /* the last bytes of standard error */
	struct buf plain;    /* the last lines of standard output that are no events */
	struct buf *shown;   /* of the caller: what a person reads while it runs; NULL: nobody */
	bool line_open;	     /* what was shown last has not ended its line */
	struct buf activity; /* one safe line */
	bool stale;	     /* it is to be made anew, of the answer's last line */
	struct sign *seen;   /* during reader_feed() */

	struct buf answer;
	bool answer_cut; /* it was longer than TEXT_MAX */
	struct buf session;
	struct usage usage;
	bool ended;    /* the client's final event has come */
	bool too_long; /* an event of standard output was, and has not been read */
	struct complaint complaint;
	int64_t
	    resets_ms; /* of a limit that was reached, whatever the complaint says; 0: not told */

	/* of single dialects */
	bool aside; /* codex, goose: the next text begins a new message; aider: past its banner */
	bool known; /* aider: it is this client */
	struct buf part; /* claude, opencode, goose: id of the message whose pieces come; pi: of the
			    session that is not stored yet */
};

/* Which functions the documents and lines of a stream go to; see struct dialect. */
struct listener {
	void (*event)(struct reader *r, const cJSON *event);
	void (*line)(struct reader *r, const char *line, size_t len);
	void (*cut)(struct reader *r, const char *head, size_t len);
	const char *const *skip;
};

extern const struct dialect adapter_claude;
extern const struct dialect adapter_codex;
extern const struct dialect adapter_gemini;
extern const struct dialect adapter_opencode;
extern const struct dialect adapter_pi;
extern const struct dialect adapter_goose;
extern const struct dialect adapter_text;

/* Cutting streams. */

void split_feed(struct reader *r, const struct listener *l, struct splitter *s, const char *data,
    size_t len);
/* A last line without its newline; a document that was not finished says nothing. */
void split_end(struct reader *r, const struct listener *l, struct splitter *s);

/* What the dialects tell. Strings may be NULL wherever one is taken: then nothing happens. */

void reader_session(struct reader *r, const char *id);
/* Replaces the answer; adds to it. */
void reader_answer(struct reader *r, const char *text);
void reader_add_answer(struct reader *r, const char *text, size_t len);
/* What the client says to a person: a message as a whole, or a piece of one
 * that has been added to the answer. */
void reader_say(struct reader *r, const char *text);
void reader_say_piece(struct reader *r, const char *text);
/* What it does: the name of a tool and what it is used on, an object or a string; NULL. */
void reader_does(struct reader *r, const char *tool, const cJSON *input);
/*
 * It failed, or a part of its work did; the last complaint counts, and it asks for no pause before
 * complaint.retry_ms is set.
 */
void reader_complain(struct reader *r, const char *text, int status);
/* What went wrong before is over. */
void reader_recovered(struct reader *r);
/*
 * It is held back, as the text or the status says; nothing when they say something else. retry_ms is
 * when it tries again: a longer pause than a client makes by itself counts of a quota alone.
 */
void reader_pressure(struct reader *r, const char *text, int status, int64_t retry_ms);
/* Adds what was used; usd < 0: not told. */
void reader_usage(struct reader *r, double input, double output, double usd);

/* Ends the line that is shown, when it is open. */
void reader_end_line(struct reader *r);
/* Adds to what holds the end of a text: at least its last READER_TAIL_MAX bytes. */
void reader_keep_tail(struct buf *tail, const char *data, size_t len);

/* Reading of events. */

/* The member of a member; NULL when one of them is missing. */
const cJSON *event_get(const cJSON *event, const char *key, const char *inner);
/* Of "type", or of another key; whether it is that word. */
bool event_is(const cJSON *event, const char *key, const char *word);
bool event_true(const cJSON *event, const char *key);
/* A count that is there and positive, else 0. */
double event_count(const cJSON *event, const char *key);
/* A time in milliseconds that is there and positive, at most a day; else 0. */
int64_t event_ms(const cJSON *event, const char *key);
/* A status of HTTP in this member, number or string; else 0. */
int event_status(const cJSON *event, const char *key);
/* Appends the texts of a list of {"type": "text", "text": …}, or a string. */
void event_texts(struct buf *out, const cJSON *content);

/*
 * Parses a line. What clients write beyond the rules of json.h in strings and numbers that do not
 * matter (half a surrogate pair, a NUL, a time in nanoseconds) is not a reason to lose an event.
 */
cJSON *event_parse(const char *text, size_t len);

#endif
