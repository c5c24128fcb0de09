// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import XrayProtos

/// An inbound whose users the API may change. Every call takes effect for the next flow; live ones are not touched. A removed
/// user's `standing` says so before the call returns.
///
/// All calls may come from any thread and are O(1), except `all`; where users are told apart by trying their keys, as in VMess and
/// Shadowsocks, the first change after a look-up copies the list, and Shadowsocks walks it.
package protocol UserManaging: AnyObject, Sendable {
    /// Adds a user; throws when the account does not fit the protocol or the e-mail is taken (Shadowsocks takes it again, and
    /// removes one at a time, as Xray does).
    func add(_ user: Xray_Common_Protocol_User) throws(ControlError)
    func remove(email: String) throws(ControlError)
    func user(email: String) -> ProxyUser?
    /// The users that have an e-mail, in no order.
    func all() -> [ProxyUser]
    var count: Int { get }
}
