/*
 * A client of a simulated model service, as small as one can be: what `codex exec --json` writes,
 * without what takes a real one its time. tests/system/rate_service.py is the other side.
 *
 * It connects to the socket that RATE_SERVICE names, sends the last line of its prompt, and reads one of
 *
 *	ok MS TEXT	answers TEXT after so many milliseconds
 *	no TEXT		fails with TEXT at once
 *	retry MS TEXT	says "Reconnecting...", waits so long, and asks once more
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	while (nanosleep(&t, &t) < 0)
		;
}

/* The last line of standard input that says something. */
static void read_prompt(char last[LINE_MAX_BYTES])
{
	char line[LINE_MAX_BYTES];
	last[0] = '\0';
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0')
			strcpy(last, line);
	}
}

static void ask(const char *prompt, char reply[LINE_MAX_BYTES])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("RATE_SERVICE");
	size_t got = 0;
	ssize_t n;
	if (path == NULL || strlen(path) >= sizeof address.sun_path)
		errx(2, "RATE_SERVICE does not name a socket");
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		err(2, "connect");
	if (dprintf(fd, "%s\n", prompt) < 0)
		err(2, "write");
	while (
	    got < LINE_MAX_BYTES - 1 && (n = read(fd, reply + got, LINE_MAX_BYTES - 1 - got)) > 0)
		got += (size_t)n;
	reply[got] = '\0';
	reply[strcspn(reply, "\n")] = '\0';
	close(fd);
}

static int fail(const char *text)
{
	printf("{\"type\":\"error\",\"message\":\"%s\"}\n"
	       "{\"type\":\"turn.failed\",\"error\":{\"message\":\"%s\"}}\n",
	    text, text);
	return 1;
}

int main(void)
{
	char prompt[LINE_MAX_BYTES];
	char reply[LINE_MAX_BYTES];
	char *text;
	read_prompt(prompt);
	printf("{\"type\":\"thread.started\",\"thread_id\":\"%d\"}\n{\"type\":\"turn.started\"}\n",
	    (int)getpid());
	for (;;) {
		ask(prompt, reply);
		if (strncmp(reply, "retry ", 6) != 0)
			break;
		long ms = strtol(reply + 6, &text, 10);
		printf("{\"type\":\"error\",\"message\":\"Reconnecting... 1/5 (%s)\"}\n", text + 1);
		fflush(stdout);
		pause_ms(ms);
	}
	if (strncmp(reply, "ok ", 3) != 0)
		return fail(strncmp(reply, "no ", 3) == 0 ? reply + 3 : "the service is gone");
	pause_ms(strtol(reply + 3, &text, 10));
	printf(
	    "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"agent_message\","
	    "\"text\":\"%s\"}}\n{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":10,"
	    "\"cached_input_tokens\":0,\"output_tokens\":2}}\n",
	    text + 1);
	return 0;
}
