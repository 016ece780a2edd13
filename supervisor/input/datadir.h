/* Where what ships with pollard lies: agents/, workflows/. */
#ifndef POLLARD_DATADIR_H
#define POLLARD_DATADIR_H

/* $POLLARD_DATA when that is set, else the directory of the installation. */
const char *data_directory(void);

#endif
