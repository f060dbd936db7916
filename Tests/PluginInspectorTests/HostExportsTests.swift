import Foundation
import Testing

import PluginInspector

@Suite struct HostExportsTests {
  /// Two lists of the same names drift apart unless somebody looks.
  @Test func `The host's list is the linker's list`() throws {
    let path = Workshop.root.appending(path: "Sources/NetISR/exports.dynlist")
    let names = String(decoding: try Workshop.read(path.path), as: UTF8.self)
      .split(whereSeparator: { "{}; \n\t".contains($0) }).map(String.init).filter { $0 != "__tsan_*" }
    #expect(HostExports.names == names)
  }
}
