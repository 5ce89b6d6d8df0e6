/* interrupt.h - Ctrl-C for commands that go on by themselves: they finish their line, say what they
 * have, and end well. */
#ifndef LANRAGE_CLI_INTERRUPT_H
#define LANRAGE_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on Ctrl-C and SIGTERM are only noted. */
void interrupt_catch(void);
bool interrupt_came(void);
/* Sleeps, unless one came; false: one did. */
bool interrupt_sleep(uint32_t ms);
/* The same until there is something to read at fd; -1: none. */
bool interrupt_wait(int fd, uint32_t ms);

#endif
