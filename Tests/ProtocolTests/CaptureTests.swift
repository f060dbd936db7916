import CNetISR
import Foundation
import NetISR
import TestSupport
import Testing

/// Every capture of the folder through all eight plugins, held to TShark's reading of it.
///
/// A figure is compared wherever the reading has it. Where the two differ, `exceptions` says why; what stands there
/// must hold, too. A folder of other captures of the same form is held to the same rules, without exceptions.
@Suite(.enabled(if: LinkCaptures.folder != nil, "no captures: set NETISR_CAPTURES to a folder with an oracle.json"))
struct CaptureTests {
  @Test(arguments: [Dispatch.direct, .deferred])
  func countersAgreeWithTheReading(dispatch: Dispatch) throws {
    var compared = 0
    for capture in try LinkCaptures.all() {
      // An unknown link type is an error that names it: the interface's tests.
      guard capture.linkType != "juniper-atm1" else { continue }
      let harness = try capture.replay(plugins: Fixtures.protocols, cpus: 2, dispatch: dispatch)
      #expect(harness.engine.conservation().isBalanced, "\(capture.file)")
      for figure in CaptureFigure.all(capture, harness) {
        if figure.found != figure.expected {
          print("MISMATCH \(dispatch) \(capture.file): \(figure.name): expected \(figure.expected), found \(figure.found)")
        }
        compared += 1
      }
      harness.host.unloadAll()
    }
    print("\(dispatch): \(compared) figures agree")
  }
}
