/* version.h - the one place that says which LANrage this is. */
#ifndef LANRAGE_COMMON_VERSION_H
#define LANRAGE_COMMON_VERSION_H

#define LANRAGE_VERSION "0.9.0"

#endif
