/* prometheus.h - everything there is to tell Prometheus, asked now. */
#ifndef LANRAGE_API_PROMETHEUS_H
#define LANRAGE_API_PROMETHEUS_H

struct api;

/* The text of view_prometheus(), whatever answers: the caller's to free(); NULL without memory.
 * Waits, so not on the loop. */
char *prometheus_text(struct api *api);

#endif
