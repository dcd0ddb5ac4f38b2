/*
 * standard_files.h - standard input, output and error are what they are called, even when closed
 *
 * A program that is started with one of them closed would get its number for the next socket, and
 * write its report to a peer. standard_files_keep comes first in main.
 */
#ifndef RELAYLAB_DRIVE_HOST_STANDARD_FILES_H
#define RELAYLAB_DRIVE_HOST_STANDARD_FILES_H

/* Puts /dev/null, for reading, where nothing is open: writing there is an error, as it should be.
 */
void standard_files_keep(void);

#endif
