/// Protocol numbers of the Next Header field.
enum NextHeader {
  static let hopByHop: UInt8 = 0
  static let ipv4: UInt8 = 4
  static let tcp: UInt8 = 6
  static let udp: UInt8 = 17
  static let ipv6: UInt8 = 41
  static let routing: UInt8 = 43
  static let fragment: UInt8 = 44
  static let gre: UInt8 = 47
  static let esp: UInt8 = 50
  static let ah: UInt8 = 51
  static let icmp6: UInt8 = 58
  static let none: UInt8 = 59
  static let destinationOptions: UInt8 = 60
  static let sctp: UInt8 = 132
  static let mobility: UInt8 = 135
  static let udpLite: UInt8 = 136
  static let hip: UInt8 = 139
  static let shim6: UInt8 = 140

  /// Whether it is an extension header that can be stepped over (RFC 7045). ESP can't: what follows is encrypted.
  static func isExtension(_ kind: UInt8) -> Bool {
    switch kind {
    case hopByHop, routing, fragment, ah, destinationOptions, mobility, hip, shim6: true
    default: false
    }
  }

  /// Bytes of the extension header `kind`, from its second byte.
  static func extensionLength(_ kind: UInt8, lengthField: UInt8) -> Int {
    switch kind {
    // In units of 4 bytes, less 2 (RFC 4302, section 2.2).
    case ah: (Int(lengthField) &+ 2) &* 4
    // No length: the byte is reserved (RFC 8200, section 4.5).
    case fragment: FragmentHeader.size
    // In units of 8 bytes, the first not counted (RFC 8200, section 4; RFC 6564).
    default: (Int(lengthField) &+ 1) &* 8
    }
  }

  /// Bytes of the upper-layer header that a first fragment must hold (RFC 7112); 0 where nobody here knows.
  static func upperLayerMinimum(_ kind: UInt8) -> Int {
    switch kind {
    case tcp: 20
    case sctp: 12
    case udp, udpLite, icmp6, esp: 8
    default: 0
    }
  }
}

/// What a packet may spend on its headers. RFC 8504, section 5.3, lets a node set such limits: a chain that exceeds
/// them is somebody's attack on whoever has to walk it.
enum HeaderLimit {
  static let headers = 16
  /// Bytes up to the upper layer, the fixed header included: one cluster holds them.
  static let bytes = 2048
  /// Options of all headers together, padding not counted.
  static let options = 32
}
