import NetISR

/// The vnets that there are.
enum VnetRange {
  /// Vnets are numbered from 0 to this, exclusively.
  static let limit = Engine.vnetLimit

  /// - Parameter spec: the interface that a vnet is asked for with, if it is.
  static func check(_ vnet: UInt32, of spec: String? = nil) throws(ControlError) {
    guard vnet < limit else {
      throw ControlError(.badRequest, "\(spec.map { "\($0): " } ?? "")vnet \(vnet): expected 0 to \(limit - 1)")
    }
  }
}
