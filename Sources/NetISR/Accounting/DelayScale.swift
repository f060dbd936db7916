/// Buckets for times: one for each nanosecond up to 32, then 32 for each power of two, so that a bucket is at most 1/32 wide
/// of what is in it. The last one takes all that is longer.
///
/// As in an HDR histogram; but over plain words, so that a worker can count while others read.
enum DelayScale {
  private static let fine = 5
  /// Stamps tell times apart up to here: see `stamp`.
  private static let bits = 37

  /// Buckets.
  static let count = (bits - fine + 1) << fine

  /// The bucket of a time, in nanoseconds.
  @inline(__always)
  static func bucket(of time: UInt64) -> Int {
    guard time >= 1 << fine else { return Int(time) }
    guard time < 1 << bits else { return count - 1 }
    let exponent = 63 - time.leadingZeroBitCount
    return (exponent - fine) << fine + Int(time >> UInt64(exponent - fine))
  }

  /// The middle of a bucket, in nanoseconds.
  static func middle(of bucket: Int) -> UInt64 {
    guard bucket >= 2 << fine else { return UInt64(bucket) }
    let shift = UInt64(bucket >> fine - 1)
    let low = UInt64(bucket & (1 << fine - 1) | 1 << fine) << shift
    return low + 1 << shift / 2
  }
}
