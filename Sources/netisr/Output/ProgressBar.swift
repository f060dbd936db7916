import ControlPlane
import Glibc

/// A line on a terminal that says how far a replay is.
final class ProgressBar {
  private static let width = 30
  private var next = 0
  private var isDrawn = false

  /// A bar, if standard error is a terminal.
  init?() {
    guard isatty(STDERR_FILENO) == 1 else { return nil }
  }

  /// Draws, ten times a second at most.
  func show(_ progress: Replay.Progress) {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    let now = time.tv_sec * 10 + time.tv_nsec / 100_000_000
    guard now >= next else { return }
    next = now + 1
    let done = progress.fraction.map { min(max($0, 0), 1) }
    let filled = Int((done ?? 0) * Double(Self.width))
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
    let percent = done.map { "\(Int($0 * 100))%" } ?? "?"
    let file = progress.file.split(separator: "/").last.map(String.init) ?? progress.file
    write(
      "\r\u{1B}[K[\(bar)] \(percent)  \(progress.packets) packets  \(file) (\(progress.index + 1) of \(progress.count))",
      to: STDERR_FILENO)
    isDrawn = true
  }

  /// Takes the line away.
  func clear() {
    if isDrawn { write("\r\u{1B}[K", to: STDERR_FILENO) }
    isDrawn = false
  }
}
