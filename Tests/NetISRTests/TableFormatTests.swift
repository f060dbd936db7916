import CNetISR
import NetISR
import Testing
import TestSupport

/// How tables say what their bytes are.
@Suite struct TableFormatTests {
  /// Opens a table of "owner" with a format: table_open()'s answer, and the format as the list shows it.
  private static func open(
    _ format: String?, kind: Int32 = TABLE_HASH, key: UInt32 = 8, value: UInt32 = 8, on engine: Engine = Engine()
  ) -> (error: Int32, format: TableFormat?) {
    let identity = PluginIdentity(name: "owner", stateVersion: 1)
    let error: Int32 = engine.withRegistration(of: identity) {
      "owner.table".withCString { name in
        func call(_ format: UnsafePointer<CChar>?) -> Int32 {
          var spec = table_spec(
            ts_name: name, ts_kind: UInt32(kind), ts_keysize: key, ts_valuesize: value, ts_maxentries: 10, ts_flags: 0,
            ts_spare: 0, ts_format: format)
          var handle: OpaquePointer?
          return table_open(&spec, &handle)
        }
        return format.map { $0.withCString { call($0) } } ?? call(nil)
      }
    }
    _ = engine.commitRegistration(identity)
    return (error, engine.tableList().first?.format)
  }

  @Test func fieldsCoverKeyAndValue() throws {
    let (error, format) = Self.open("address:ipv4 port:n16 -:2 = hits:u64")
    #expect(error == 0)
    let found = try #require(format)
    #expect(found.key.map(\.name) == ["address", "port", nil])
    #expect(found.key.map(\.kind) == [.ipv4, .network(2), .bytes(2)])
    #expect(found.value == [TableFormat.Field(name: "hits", kind: .host(8))])
    #expect(Self.open(nil) == (0, nil))
    #expect(Self.open("= a:ip/f -:4", kind: TABLE_LPM, key: 20, value: 20).error == 0)
  }

  @Test(arguments: [
    "", "a:u64", "a:u64 =", "= a:u64", "a:u64 = a:u32", "a:u64 = b:u64 = c:u8", "a:u64 = b:u64 c:u8",
    "a:u32 a:u32 = b:u64",
    "a:u7 = b:u64", "a = b:u64", "a: = b:u64", ":u64 = b:u64", "A:u64 = b:u64", "a:u64:u8 = b:u64", "a:0 b:8 = c:u64",
    "a:-8 = b:u64", "a:+8 = b:u64", "a:99999999999999999999 = b:u64", "a:s = b:u64", "a:s2000 = b:u64",
    "\u{e9}:u64 = b:u64",
  ])
  func othersAreRefused(format: String) {
    #expect(Self.open(format).error == EINVAL)
  }

  @Test func aLaterGenerationMaySayItOtherwise() {
    let engine = Engine()
    #expect(Self.open("a:u64 = b:u64", on: engine).format?.key.first?.name == "a")
    #expect(Self.open("x:u64 = b:u64", on: engine).format?.key.first?.name == "x")
    #expect(Self.open(nil, on: engine) == (0, nil))
  }

  @Test func bytesAreReadAsTheirKindSays() {
    func read(_ kind: TableFormat.Kind, _ bytes: [UInt8], family: UInt64? = nil) -> TableFieldValue {
      #expect(kind.size == bytes.count)
      return kind.read(bytes[...], number: { $0 == "family" ? family : nil })
    }
    let v6: [UInt8] = [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [7]
    #expect(read(.ipv4, [10, 0, 0, 255]) == .text("10.0.0.255"))
    #expect(read(.ipv6, v6) == .text("2001:db8::7"))
    #expect(read(.mac, [2, 0, 0, 0xa, 0xbc, 0xff]) == .text("02:00:00:0a:bc:ff"))
    #expect(read(.ip(family: "family"), v6, family: 6) == .text("2001:db8::7"))
    #expect(read(.ip(family: "family"), v6, family: 4) == .text("32.1.13.184"))
    #expect(read(.host(1), [200]) == .number(200))
    #expect(read(.host(4), [1, 2, 0, 0]) == .number(513))
    #expect(read(.network(4), [0, 0, 2, 1]) == .number(513))
    #expect(read(.time, [1, 0, 0, 0, 0, 0, 0, 128]) == .time(1 << 63 | 1))
    #expect(read(.bytes(3), [0, 0xab, 1]) == .text("00ab01"))
    #expect(read(.text(6), Array("eth0".utf8) + [0, 9]) == .text("eth0"))
    #expect(TableFormat.Kind.prefix([24, 0, 0, 0, 10, 1, 2, 0]) == "10.1.2.0/24")
    #expect(TableFormat.Kind.prefix([64, 0, 0, 0] + v6) == "2001:db8::7/64")
  }
}
