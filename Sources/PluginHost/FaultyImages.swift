import NetISR
import PluginInspector

// What becomes of the image of code that faulted, once it is out of service.
//
// It stays mapped for a while, for who looks at the process with a debugger, or at its core. But a host that lives
// long, whose plugin is replaced after each of its faults, would be filled with such images. So only the newest stay.
// An older one is unmapped, if nothing of it can be needed any more: a grace period has passed, its timers are gone,
// the file allows it (the inspector's verdict), no thread was lost in it, and its code is still what was mapped: the
// dynamic linker runs what the compiler put there for the end of an image. None of the plugin's own functions is
// called.

/// Images of faulty code that may be unmapped one day, oldest first. Under the host's lock of operations.
struct FaultyImages {
  /// How many stay.
  static let kept = 8

  enum Entry {
    /// Of a generation, which is listed as long as it is mapped.
    case generation(Generation)
    /// Of code that faulted before it was one.
    case image(PluginImage)
  }

  private var entries: [Entry] = []

  /// Adds one, and takes out the oldest of too many.
  mutating func add(_ entry: Entry) -> Entry? {
    entries.append(entry)
    return entries.count > Self.kept ? entries.removeFirst() : nil
  }
}

extension PluginHost {
  /// Keeps a generation that faulted, and is out of service. [control], with the lock of operations
  func keepFaulty(_ generation: Generation) {
    guard generation.report.unload == .unmaps else { return }
    if let oldest = faultyImages.add(.generation(generation)) { unmap(oldest) }
  }

  /// Keeps an image whose registration faulted.
  func keepFaulty(_ image: PluginImage, _ report: InspectionReport) {
    guard report.unload == .unmaps else {
      return logger.warning(
        "\(image.name): not loaded, but its image stays mapped: \(report.residentReasons.joined(separator: "; "))")
    }
    if let oldest = faultyImages.add(.image(image)) { unmap(oldest) }
  }

  private func unmap(_ entry: FaultyImages.Entry) {
    let image: PluginImage
    var isInhabited = false
    switch entry {
    case .image(let one): image = one
    case .generation(let generation):
      image = generation.image
      isInhabited = state.withLock { generation.isInhabited }
    }
    guard !isInhabited, image.isWhole, image.close() else {
      return logger.notice("\(image.name): its code faulted, and it stays mapped for good")
    }
    engine.openCallouts(of: image.addresses)
    guard case .generation(let generation) = entry else { return }
    state.withLock {
      generation.state = .unmapped
      retired.removeAll { $0 === generation }
    }
  }
}
