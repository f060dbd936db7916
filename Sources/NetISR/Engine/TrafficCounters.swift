/// Stub.
struct TrafficCounters: ~Copyable {
}
