#include "supervisor/input/datadir.h"

#include <stdlib.h>

#ifndef POLLARD_DATADIR
#define POLLARD_DATADIR "/usr/local/share/pollard"
#endif

const char *data_directory(void)
{
	const char *shipped = getenv("POLLARD_DATA");

	return shipped != NULL && *shipped != '\0' ? shipped : POLLARD_DATADIR;
}
