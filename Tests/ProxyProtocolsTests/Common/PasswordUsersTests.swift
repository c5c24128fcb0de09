// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyCore
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyProtocols

/// The users of SOCKS and HTTP inbounds.
struct PasswordUsersTests {
    private func socksAccount(_ name: String, _ password: String = "p") -> Xray_Proxy_Socks_Account {
        .with { ($0.username, $0.password) = (name, password) }
    }

    private func httpAccount(_ name: String, _ password: String = "p") -> Xray_Proxy_Http_Account {
        .with { ($0.username, $0.password) = (name, password) }
    }

    private func logsIn(_ users: PasswordUsers, _ name: String, _ password: String) -> String? {
        users.user(name: name, password: password.utf8)?.email
    }

    @Test func accountsOfTheConfigurationAreUsersWithTheirNamesAsEmails() throws {
        var config = Xray_Proxy_Socks_ServerConfig()
        config.authType = .password
        config.accounts = ["alice": "secret"]
        config.userLevel = 2
        let alice = try #require(try SOCKSInbound(config).users?.user(email: "Alice"))
        #expect(alice.message == user("alice", level: 2, socksAccount("alice", "secret")))
    }

    @Test func whoAsksNobodyHasNoUsers() throws {
        var open = Xray_Proxy_Socks_ServerConfig()
        open.accounts = ["alice": "secret"]
        #expect(try SOCKSInbound(open).users == nil)
        #expect(try HTTPInbound(Xray_Proxy_Http_ServerConfig()).users == nil)
        var closed = Xray_Proxy_Socks_ServerConfig()
        closed.authType = .password
        #expect(try SOCKSInbound(closed).users?.count == 0)
    }

    @Test func usersComeAndGoByTheirEmails() throws {
        let users = try PasswordUsers.socks(["alice": "secret"], level: 0)
        try users.add(user("bob@b", socksAccount("bob", "other")))
        #expect(logsIn(users, "bob", "other") == "bob@b")
        #expect(logsIn(users, "bob", "secret") == nil && logsIn(users, "bob@b", "other") == nil)
        try users.remove(email: "alice")
        #expect(logsIn(users, "alice", "secret") == nil)
        #expect(users.count == 1)
    }

    /// A list of accounts tells names apart that differ in case only; e-mails are one.
    @Test func accountsThatDifferInCaseAreServedBoth() throws {
        let users = try PasswordUsers.http(["bob": "1", "Bob": "2"], level: 0)
        #expect(logsIn(users, "bob", "1") == "bob" && logsIn(users, "Bob", "2") == "Bob")
        #expect(users.count == 1)
    }

    @Test func anInboundWhoseLastUserIsGoneServesNobody() throws {
        let users = try PasswordUsers.http(["carol": "p"], level: 0)
        try users.remove(email: "carol")
        let handshake = HTTPHandshake(settings: HTTPProxySettings(users: users))
        let request = "CONNECT a.example:443 HTTP/1.1\r\n\r\n"
        guard case .reject("wrong password", _) = run(handshake, Array(request.utf8)).result else {
            Issue.record("somebody without a password was served")
            return
        }
    }

    @Test func accountsThatNobodyCanLogInWithAreRefused() throws {
        let socks = try PasswordUsers.socks([:], level: 0)
        let http = try PasswordUsers.http([:], level: 0)
        let length = ControlError("proxy/socks: a user name has 1 to 255 bytes, a password at most 255")
        for account in [socksAccount(""), socksAccount(String(repeating: "u", count: 256))] {
            #expect(throws: length) { try socks.add(user("a@b", account)) }
        }
        #expect(throws: length) {
            try socks.add(user("a@b", socksAccount("u", String(repeating: "p", count: 256))))
        }
        #expect(throws: ControlError("proxy/http: a user name is needed, without a colon: \"a:b\"")) {
            try http.add(user("a@b", httpAccount("a:b")))
        }
        #expect(throws: ControlError("proxy/http: account type is incorrect")) {
            try http.add(user("a@b", socksAccount("u")))
        }
        #expect(throws: ControlError("proxy/socks: account type is incorrect")) {
            try socks.add(user("a@b", httpAccount("u")))
        }
        #expect(socks.count == 0 && http.count == 0)
    }

    @Test func theTableSpeaksAsTheOthersDo() throws {
        let users = try PasswordUsers.socks(["alice": "p"], level: 0)
        #expect(throws: ControlError("proxy/socks: User ALICE already exists.")) {
            try users.add(user("ALICE", socksAccount("x")))
        }
        #expect(throws: ControlError("proxy/socks: User bob not found.")) { try users.remove(email: "bob") }
        #expect(throws: ControlError("proxy/socks: Email must not be empty.")) { try users.remove(email: "") }
    }
}
