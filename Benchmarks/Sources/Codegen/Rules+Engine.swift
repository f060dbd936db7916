extension Rules {
  /// The way of a packet through the engine: from netisr.h's and mbuf.h's functions, and from the worker's loop.
  static let engine = Rules(
    roots: [
      "netisr_dispatch", "netisr_dispatch_src", "netisr_queue", "netisr_queue_src", "netisr_dispatch_batch",
      "netisr_queue_batch", "Engine.process(*", "m_get", "m_gethdr", "m_getcl", "m_free", "m_freem", "counter_add",
    ],
    cold: [
      Cold("ThreadContext.attached()", "once a thread"),
      Cold("addAttaching(*", "once a thread"),
      Cold("Engine.reject(*", "a wrong protocol number"),
      Cold("Engine.drop(*", "a packet is dropped"),
      Cold("*.overflow(*", "a packet is dropped: the queue is full"),
      Cold("Engine.admitted(*", "a protocol is disabled in some vnet"),
      Cold("Engine.contain(*", "a handler faulted"),
      Cold("Engine.containCallback(*", "a handler faulted"),
      Cold("Engine.directFault(*", "a handler faulted"),
      Cold("Engine.hybridFault(*", "a handler faulted"),
      Cold("Engine.countKept(*", "a policy's callback kept the packet"),
      Cold("Engine.settle(*", "for a moment after a change of policy or workers"),
      Cold("PacketQueue.appendShared(*", "several senders in one queue: by compare and exchange"),
      Cold("Workstream.tryTake(*", "several executors in one workstream: by compare and exchange"),
      Cold("Workstream.endPreference()", "several executors in one workstream"),
      Cold("Workstream.wake()", "the worker sleeps"),
      Cold("MagazinePair.takeSlowly()", "once in a magazine of mbufs, or mbufs are checked"),
      Cold("MagazinePair.giveSlowly(*", "once in a magazine of mbufs, or mbufs are checked"),
      Cold("MbufCache.freeSlowly(*", "once in a magazine of mbufs, or mbufs are checked"),
      Cold("Vnets.isMisused(*", "mbufs are checked"),
      Cold("Engine.refuseMisused(*", "mbufs are checked"),
      Cold("Cluster.dropShared()", "a cluster with several holders: its count is shared"),
      Cold("Engine.run(*", "callouts are armed: a look at the clock once a round"),
      Cold("*.timedCall(*", "accounting is on"),
      Cold("*.timedCalls(*", "accounting is on"),
      Cold("*.timedCallback(*", "accounting is on"),
      Cold("Accounting.stamp(*", "accounting is on"),
      Cold("netisr_host_membarrier", "another executor took the workstream from its preferred sender"),
    ],
    permits: [
      Permit("netisr_host_call", indirect: 1, "the handler"),
      Permit("netisr_host_call_batch", indirect: 2, "the handler, by two"),
      Permit("netisr_host_call_function", indirect: 1, "nh_drainedcpu"),
      Permit(
        "Engine.enter(*batch:)", locked: 1, calls: copying,
        "counting what a full queue refuses; a list for several workstreams is copied"),
      Permit(
        "Engine.deliver(*", locked: 1, calls: copying,
        "counting what a full queue refuses; a list for several workstreams is copied"),
      Permit(
        "Engine.scatter(*", indirect: 2, locked: 1, "nh_m2cpuid, nh_m2flow; counting what a full queue refuses"),
      Permit("*.placeAmongSeveral(*", indirect: 2, "nh_m2cpuid, nh_m2flow"),
      Permit("Engine.drain(*", calls: waiting, "a packet that is about to be written"),
      Permit("Engine.process(*", locked: 2, calls: waiting, "a round of the worker: it takes its turn"),
      Permit("Workstream.enter(*", locked: 1, calls: waiting, "a round of the worker: it takes its turn"),
    ])

  /// What copying a batch's list may call.
  private static let copying = ["memcpy", "memmove"]
  /// What waiting for another thread may call.
  private static let waiting = ["sched_yield", "usleep"]
}
