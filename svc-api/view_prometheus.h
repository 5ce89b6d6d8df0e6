/* view_prometheus.h - what the services say, as the text that Prometheus reads (exposition format
 * 0.0.4). Pure.
 *
 * Each metric has its HELP and its TYPE once, then its samples; what is unknown has no sample, and
 * a metric without any is left out. Units are those Prometheus wants: seconds, bytes, ratios from 0
 * to 1. Peers are labelled by name and id; one that is no member by its key.
 */
#ifndef LANRAGE_API_VIEW_PROMETHEUS_H
#define LANRAGE_API_VIEW_PROMETHEUS_H

#include "svc-api/snapshot.h"

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* snapshot: of SNAPSHOT_LIVE. The caller's to free(); NULL without memory. */
char *view_prometheus(const struct snapshot *snapshot);

#endif
