import NetISR

/// A generation that is unmapped, but whose packets are still in use: nobody is left who would free them.
struct Departed {
  /// As it was, with what it held then.
  var info: PluginInfo
  let holder: MbufHolder

  /// So many are remembered; then the oldest is forgotten.
  static let limit = 128
}

extension PluginHost {
  /// Who holds which mbufs now. Not with the host's state lock.
  func takeCensus() -> MbufCensus {
    let holders = state.withLock {
      (Array(serving.values) + retired).map(\.holder) + indebted.map(\.holder)
    }
    return engine.takeCensus(of: holders)
  }

  /// What a generation holds that is out of service, and has been told so: it will never free it. Says so, if it is
  /// any. What is in tables is not among it, for that is the next generation's.
  func noteLeak(of generation: Generation) -> MbufHolding {
    let held = engine.takeCensus(of: [generation.holder]).held[generation.holder] ?? MbufHolding()
    if held.mbufs > 0 {
      logger.warning(
        "\(held.mbufs) mbuf\(held.mbufs == 1 ? " is" : "s are") still held by \(generation.identity.name) generation \(generation.number)"
      )
    }
    return held
  }

  /// Remembers a generation that is unmapped for what it has left behind. With the host's state lock.
  func remember(_ generation: Generation, leaving held: MbufHolding) {
    guard held.mbufs > 0 else { return }
    var info = generation.info
    info.mbufs = held
    indebted.append(Departed(info: info, holder: generation.holder))
    if indebted.count > Departed.limit { indebted.removeFirst() }
  }
}
