/* webbrowser.h - opens a page in the browser of this desktop's user.
 *
 * Never as root: under sudo it is the browser of whoever said sudo. Without a desktop, or where
 * nobody knows whose it is, there is none. What becomes of the browser is not waited for.
 */
#ifndef LANRAGE_CLI_WEBBROWSER_H
#define LANRAGE_CLI_WEBBROWSER_H

#include <pwd.h>

/* Whose browser it is; NULL: there is none. Of getpwuid(3): valid until its next call. */
const struct passwd *webbrowser_user(void);
/* Everybody on this machine may see the URL. */
void webbrowser_open(const struct passwd *user, const char *url);

#endif
