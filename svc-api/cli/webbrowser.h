/* webbrowser.h - opens a page in the browser of this desktop's user.
 *
 * Never as root: under sudo it is the browser of whoever said sudo. Without a desktop, or where
 * nobody knows whose it is, nothing happens. What becomes of the browser is not waited for.
 */
#ifndef LANRAGE_CLI_WEBBROWSER_H
#define LANRAGE_CLI_WEBBROWSER_H

void webbrowser_open(const char *url);

#endif
