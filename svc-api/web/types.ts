/* types.ts - what the API says, as openapi.json describes it. What is not known is null. */

export type PathKind = "direct" | "relay" | "none";
export type PeerState = "connecting" | "connected" | "failed";
export type Grade = "excellent" | "good" | "fair" | "poor";
export type Trend = "steady" | "better" | "worse";

export interface Service {
  state: "starting" | "running" | "silent" | "backoff" | "stopped" | null;
  pid: number | null;
  restarts: number | null;
  uptime_s: number | null;
}

export interface Nat {
  mapping: string | null;
  filtering: string | null;
  public: string[] | null;
}

export interface Status {
  party: { id: string; name: string | null; host: string | null; members: number } | null;
  self: {
    name: string | null;
    id: string | null;
    virtual_ip: string | null;
    interface: string | null;
  };
  server: { url: string | null; state: "none" | "connecting" | "connected" | "away" | null };
  relay: {
    name: string | null;
    endpoint: string | null;
    transport: string;
    state: string;
    rtt_ms: number | null;
  } | null;
  nat: Nat;
  engine: { cipher: string | null; cipher_ns: number | null } | null;
  services: Record<string, Service>;
}

export interface Relay {
  name: string | null;
  endpoint: string | null;
  transport: "udp" | "tcp";
  state: "connecting" | "connected" | "refused" | "silent";
  rtt_ms: number | null;
  reason: string | null;
  chosen: boolean;
}

export interface Network {
  notice: string | null;
  problem: { cause: string; text: string; remedy: string } | null;
  clock_ahead_s: number | null;
  up: boolean | null;
  local: boolean | null;
  interface: { name: string | null; state: "down" | "up" | "failed"; reason: string | null } | null;
  server: { url: string | null; state: string | null; reason: string | null };
  relays: Relay[] | null;
  nat: Nat;
  candidates: { endpoint: string | null; kind: "own" | "stun" | "peer" | "mapped" }[] | null;
}

export interface Peer {
  name: string | null;
  id: string;
  virtual_ip: string | null;
  online: boolean;
  path: PathKind | null;
  state: PeerState | null;
  host: boolean;
  endpoint: string | null;
  relay: string | null;
  rtt_ms: number | null;
  jitter_ms: number | null;
  loss_pct: number | null;
  handshake_age_s: number | null;
  rx_bytes: number | null;
  tx_bytes: number | null;
  nat: string | null;
  backend: string | null;
  reason: string | null;
}

export interface Why {
  peer: string | null;
  path: PathKind | null;
  cause: string | null;
  text: string;
  remedy: string | null;
}

export interface Ping {
  rtt_ms: number | null;
  path: "direct" | "relay";
  endpoint: string | null;
  relay: string | null;
}

export interface Invite {
  code: string;
  link: string | null;
  expires_at: string;
}

export interface Server {
  id: string;
  name: string;
  game: string;
  host: { id: string | null; name: string | null };
  address: string | null;
  port: number;
  players: number | null;
  max_players: number | null;
  full: boolean | null;
  map: string | null;
  mode: string | null;
  password: boolean;
  tags: string[];
  age_s: number | null;
  heartbeat_age_s: number;
  own: boolean;
  favourite: boolean;
  latency_ms: number | null;
  latency_ema_ms: number | null;
  latency_trend: "steady" | "rising" | "falling" | null;
}

export interface Latency {
  latency_ms: number | null;
  latency_ema_ms: number | null;
  answers: number;
  sent: number;
}

export interface JoinServer {
  address: string | null;
  password: boolean;
  online: boolean | null;
}

export interface PeerMetrics {
  name: string | null;
  id: string | null;
  key: string;
  state: PeerState | "gone" | null;
  path: PathKind | null;
  rtt_ms: number | null;
  jitter_ms: number | null;
  loss_pct: number | null;
  rx_bytes: number | null;
  tx_bytes: number | null;
  rx_bytes_per_s: number | null;
  tx_bytes_per_s: number | null;
  quality: number | null;
  grade: Grade | null;
  trend: Trend | null;
}

export interface Interface {
  name: string | null;
  rx_bytes_per_s: number | null;
  tx_bytes_per_s: number | null;
}

export interface System {
  cpu_pct: number | null;
  memory_total_bytes: number | null;
  memory_available_bytes: number | null;
  interfaces: Interface[];
}

export interface Terms {
  latency: number | null;
  loss: number | null;
  jitter: number | null;
}

export interface PeerQuality {
  name: string | null;
  id: string | null;
  key: string;
  quality: number | null;
  grade: Grade | null;
  trend: Trend | null;
  terms: Terms;
}

export interface Quality {
  quality: number | null;
  grade: Grade | null;
  worst: { name: string | null; id: string | null; key: string } | null;
  peers: PeerQuality[];
}

export interface Bucket {
  at: number | null;
  seconds: number;
  state: string | null;
  path: PathKind | null;
  rtt_ms: number | null;
  jitter_ms: number | null;
  loss_pct: number | null;
  rx_bytes_per_s: number | null;
  tx_bytes_per_s: number | null;
  quality: number | null;
}

export interface SystemBucket {
  at: number | null;
  seconds: number;
  cpu_pct: number | null;
  memory_total_bytes: number | null;
  memory_available_bytes: number | null;
  rx_bytes_per_s: number | null;
  tx_bytes_per_s: number | null;
}

export interface LanCounters {
  discovery: boolean;
  sent: number | null;
  capped: number | null;
  received: number | null;
  capped_received: number | null;
}

export interface GameSession {
  id: number;
  game: string;
  server: string | null;
  started_at: string | null;
  ended_at: string | null;
  duration_s: number | null;
}

export interface SessionPeer {
  name: string | null;
  key: string;
  rtt_ms: number | null;
  rtt_p95_ms: number | null;
  jitter_ms: number | null;
  loss_pct: number | null;
  quality: number | null;
}

export interface GameSessionDetail extends GameSession {
  peers: SessionPeer[];
}

export interface Asked {
  endpoint: string | null;
  rtt_ms: number | null;
  mapped: string | null;
  name?: string | null;
}

export interface Netcheck {
  udp: boolean | null;
  mapping: string | null;
  filtering: string | null;
  public: string[];
  ipv4: boolean | null;
  ipv6: boolean | null;
  mtu: number | null;
  servers: Asked[];
  relays: Asked[];
  firewall: { sign: string; text: string }[];
}

export interface LanCheck {
  discovery: boolean;
  members: number | null;
  heard: number | null;
  first_ms: number | null;
  error: string | null;
}

export type SettingType =
  "text" | "name" | "url" | "network" | "switch" | "choice" | "integer" | "duration";

export interface Setting {
  key: string;
  group: string;
  type: SettingType;
  value: string | null;
  default: string;
  description: string;
  choices: string[] | null;
  min: number | null;
  max: number | null;
  unit: string | null;
  applies: string;
  secret: boolean;
  set: boolean;
}

export interface SettingsChanged {
  changed: Record<string, string | null>;
  later: Record<string, string>;
}

export interface SettingsFile {
  format: string;
  version: number;
  settings: Record<string, string>;
  omitted: string[];
}

export interface Configuration {
  name: string;
  saved_at: string;
  active: boolean;
  settings: Record<string, string>;
}

export interface Discord {
  enabled: boolean;
  webhook_set: boolean;
  invite: string | null;
  presence: boolean;
  app_id: string | null;
}

export interface Logs {
  service: string | null;
  lines: string[];
}

/* What live events tell of; null what cannot be had at the moment. */
export interface State {
  status: Status | null;
  network: Network | null;
  peers: Record<string, Peer> | null;
  servers: Record<string, Server> | null;
  metrics: Record<string, PeerMetrics> | null;
  system: System | null;
  quality: Quality | null;
}
