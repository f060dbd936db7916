import NetISRPlugin

/// Why a packet goes no further: one case per drop counter.
enum DropReason: Error {
  case tooShort
  case badVersion
  case tooSmall
  case badScope
  case extensionTooShort
  case tooManyHeaders
  case badOrder
  case badOptions
  case badJumbo
  case routing0
  case badRouting
  case snapped
  case cantForward
  case fragment
  /// A fragment whose length, or end, can't be: its sender is told.
  case fragmentLength
  case fragmentEnd
  case noBuffers
  case noNextHeader

  func count() {
    switch self {
    case .tooShort: unsafe counters.tooshort.add()
    case .badVersion: unsafe counters.badvers.add()
    case .tooSmall: unsafe counters.toosmall.add()
    case .badScope: unsafe counters.badscope.add()
    case .extensionTooShort: unsafe counters.exttooshort.add()
    case .tooManyHeaders: unsafe counters.toomanyhdr.add()
    case .badOrder: unsafe counters.badorder.add()
    case .badOptions: unsafe counters.badoptions.add()
    case .badJumbo: unsafe counters.badjumbo.add()
    case .routing0: unsafe counters.routing0.add()
    case .badRouting: unsafe counters.badrouting.add()
    case .snapped: unsafe counters.snapped.add()
    case .cantForward: unsafe counters.cantforward.add()
    case .fragment, .fragmentLength, .fragmentEnd: unsafe counters.fragdropped.add()
    case .noBuffers: unsafe counters.nobufs.add()
    case .noNextHeader: unsafe counters.nonext.add()
    }
  }
}
