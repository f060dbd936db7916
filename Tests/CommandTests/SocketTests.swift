import Foundation
import TestSupport
import Testing

/// The control socket: whose it is, what becomes of it, and what others than the command can say to it.
@Suite struct SocketTests {
  private static func mode(of path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode : nil
  }

  @Test func privateWhileItRunsAndGoneAfterwards() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let host = try RunningHost(bench)
      #expect(Self.mode(of: host.socket) == S_IFSOCK | 0o600)
      let ended = try host.end()
      #expect(ended.status == 0, "\(ended.error)")
      #expect(Self.mode(of: host.socket) == nil)
    }
  }

  @Test func interruptEndsItToo() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let host = try RunningHost(bench)
      host.running.process.interrupt()
      host.running.process.waitUntilExit()
      #expect(try host.running.result().status == 0)
      #expect(Self.mode(of: host.socket) == nil)
    }
  }

  @Test func secondHostIsRefused() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let host = try RunningHost(bench)
      let second = try Command.run(["run", "--plugins", bench.plugins, "--control", host.socket])
      #expect(second.status == 1)
      #expect(second.complaints.count == 1)
      #expect(second.error.contains("pid \(host.running.process.processIdentifier)"))
      #expect(try host.ask("list").status == 0, "the first one is not disturbed")
      #expect(try host.end().status == 0)
    }
  }

  @Test func socketOfADeadHostIsReplaced() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let dead = try RunningHost(bench)
      kill(dead.running.process.processIdentifier, SIGKILL)
      dead.running.process.waitUntilExit()
      #expect(Self.mode(of: dead.socket) != nil)
      #expect(
        try dead.ask("list").complaints == [
          "netisr: no host answers at \(dead.socket): start one with `netisr run`"
        ])
      let next = try RunningHost(bench)
      #expect(try next.end().status == 0)
    }
  }

  @Test func otherFilesAreLeftAlone() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let file = try bench.write([1], as: "precious")
      let result = try Command.run(["run", "--plugins", bench.plugins, "--control", file])
      #expect(result.status == 1)
      #expect(Self.mode(of: file).map { $0 & S_IFMT } == S_IFREG)
    }
  }

  @Test func noPluginDirectory() throws {
    try Workbench.with(plugins: []) { bench in
      let result = try Command.run([
        "run", "--plugins", bench.path + "/none.d", "--control", bench.path + "/control",
      ])
      #expect(result.status == 1)
      #expect(result.error.contains("none.d"))
      #expect(Self.mode(of: bench.path + "/control") == nil)
    }
  }

  @Test func statusCodes() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      try RunningHost.with(bench) { host in
        let passwd = #"{"file": "/etc/passwd"}"#
        for (request, body, status) in [
          ("GET /v1/stat", "", 200), ("HEAD /v1/stat", "", 200), ("GET /v1/plugins", "", 200),
          ("GET /v1/plugins/ether", "", 200), ("GET /v1/plugins/none", "", 404), ("DELETE /v1/plugins/none", "", 404),
          ("POST /v1/plugins/none/reload", "", 404), ("POST /v1/plugins", passwd, 422), ("POST /v1/plugins", "{", 400),
          ("POST /v1/plugins", #"{"file": "relative.so"}"#, 400),
          ("POST /v1/plugins", #"{"file": "\#(bench.plugins)/ether.so"}"#, 409), ("GET /v1/settings", "", 200),
          ("GET /v1/settings/net.isr.dispatch", "", 200), ("GET /v1/settings/none", "", 404),
          // Escapes stand for characters; what is none stays.
          ("GET /v1/settings/net%2eisr%2Edispatch", "", 200), ("GET /v1/%73tat", "", 200),
          ("GET /v1/settings/net.isr%2", "", 404), ("GET /v1/settings/%zz%-1%", "", 404),
          ("GET /v1/settings/net%2fisr", "", 404),
          ("PUT /v1/settings/net.isr.dispatch", #"{"value": "hybrid"}"#, 200),
          ("PUT /v1/settings/net.isr.dispatch", #"{"value": "none"}"#, 400),
          ("PUT /v1/settings/net.isr.numthreads", #"{"value": "1"}"#, 409), ("DELETE /v1/stat", "", 405),
          ("GET /v2/stat", "", 404), ("GET /", "", 404),
          ("POST /v1/plugins", String(repeating: "x", count: 70_000), 413),
        ] {
          let answer = try HTTP.exchange(host.socket, request, body: body)
          #expect(answer.status == status, "\(request): \(answer.text)")
          if request.hasPrefix("HEAD") { continue }
          let object = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
          #expect(object != nil)
          if status >= 400 {
            #expect(object?["error"] is String)
            #expect(object?["problems"] is [String])
          }
        }
        let refused = try HTTP.exchange(host.socket, "DELETE /v1/stat", body: "")
        #expect(refused.text.lowercased().contains("\r\nallow: get\r\n"))
      }
    }
  }

  @Test func noiseDoesNotDisturb() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      try RunningHost.with(bench) { host in
        for noise in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\ncontent-length: -5\r\n\r\n"] {
          _ = try HTTP.send(host.socket, noise)
        }
        #expect(try host.ask("list").status == 0)
      }
    }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl")))
  func curlWorks() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      try RunningHost.with(bench) { host in
        let file = bench.path + "/answer.json"
        try CPlugin.run([
          "curl", "-sS", "--fail", "--unix-socket", host.socket, "-o", file, "http://netisr/v1/stat",
        ])
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file)))
        try expectShape(object, statisticsShape)
      }
    }
  }
}
