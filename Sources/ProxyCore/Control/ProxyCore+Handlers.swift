// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import ProxyModel
import Telemetry
package import XrayProtos

/// HandlerService. The texts are those that existing clients look for.
extension ProxyCore {
    private static let notEnough = "common: not enough information for making a decision"

    package func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse {
        guard request.hasInbound else { throw ControlError("app/proxyman/command: inbound is missing") }
        var inbound = request.inbound
        do { try OlderSenders.update(&inbound) } catch {
            throw ControlError(error.description).within("app/proxyman/inbound: request of an older release")
        }
        try await open(inbound)
        changed(.inboundAdded(tag: request.inbound.tag), "inbound \(request.inbound.tag) added", by: caller)
        return .init()
    }

    package func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse {
        guard !request.tag.isEmpty, let inbound = inbounds.remove(request.tag) else {
            throw ControlError(Self.notEnough)
        }
        await inbound.closeListeners()
        changed(.inboundRemoved(tag: request.tag), "inbound \(request.tag) removed", by: caller)
        return .init()
    }

    package func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterInboundResponse {
        let operation = try userOperation(request)
        let users = try users(ofInbound: request.tag)
        switch operation {
        case .add(let user):
            try users.add(user)
            changed(
                .userAdded(inbound: request.tag, email: user.email),
                "user \(user.email) added to inbound \(request.tag)", by: caller)
        case .remove(let email):
            try users.remove(email: email)
            changed(
                .userRemoved(inbound: request.tag, email: email),
                "user \(email) removed from inbound \(request.tag)", by: caller)
        }
        return .init()
    }

    package func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse {
        var response = Xray_App_Proxyman_Command_ListInboundsResponse()
        response.inbounds = inbounds.all.map { inbound in
            guard request.isOnlyTags else { return inbound.config }
            var item = Xray_Core_InboundHandlerConfig()
            item.tag = inbound.tag
            return item
        }
        return response
    }

    package func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse {
        let users = try users(ofInbound: request.tag)
        var response = Xray_App_Proxyman_Command_GetInboundUserResponse()
        if request.email.isEmpty {
            response.users = users.all().map(\.message)
        } else {
            // An unknown e-mail is answered with one empty user, as clients of the original expect.
            response.users = [users.user(email: request.email)?.message ?? .init()]
        }
        return response
    }

    package func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse {
        var response = Xray_App_Proxyman_Command_GetInboundUsersCountResponse()
        response.count = Int64(try users(ofInbound: request.tag).count)
        return response
    }

    package func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AddOutboundResponse {
        guard request.hasOutbound else { throw ControlError("app/proxyman/command: outbound is missing") }
        var outbound = request.outbound
        do { try OlderSenders.update(&outbound) } catch {
            throw ControlError(error.description).within("app/proxyman/outbound: request of an older release")
        }
        try services.outbounds.add(
            Self.makeOutbound(outbound, factory: factory, services: services, assets: assets))
        changed(.outboundAdded(tag: request.outbound.tag), "outbound \(request.outbound.tag) added", by: caller)
        return .init()
    }

    package func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse {
        guard !request.tag.isEmpty else { throw ControlError(Self.notEnough) }
        if services.outbounds.remove(request.tag) != nil {
            changed(.outboundRemoved(tag: request.tag), "outbound \(request.tag) removed", by: caller)
        }
        return .init()
    }

    package func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterOutboundResponse {
        guard request.hasOperation else { throw ControlError("app/proxyman/command: operation is missing") }
        do {
            _ = try TypedMessages.unpack(request.operation)
        } catch {
            throw ControlError(error.protoMessage).within("app/proxyman/command: unknown operation")
        }
        throw ControlError("app/proxyman/command: not an outbound operation")
    }

    package func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse {
        var response = Xray_App_Proxyman_Command_ListOutboundsResponse()
        response.outbounds = services.outbounds.all.compactMap(\.config)
        return response
    }

    // MARK: Pieces

    private enum UserOperation {
        case add(Xray_Common_Protocol_User)
        case remove(String)
    }

    private func userOperation(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest
    ) throws(ControlError) -> UserOperation {
        guard request.hasOperation else { throw ControlError("app/proxyman/command: operation is missing") }
        do {
            switch try TypedMessages.unpack(request.operation) {
            case let add as Xray_App_Proxyman_Command_AddUserOperation:
                return .add(add.user)
            case let remove as Xray_App_Proxyman_Command_RemoveUserOperation:
                return .remove(remove.email)
            default:
                throw ControlError("app/proxyman/command: not an inbound operation")
            }
        } catch let error as TypedMessageError {
            throw ControlError(error.protoMessage).within("app/proxyman/command: unknown operation")
        } catch {
            throw ControlError(typed: error)
        }
    }

    private func users(ofInbound tag: String) throws(ControlError) -> any UserManaging {
        guard let inbound = inbounds.find(tag) else {
            throw ControlError("app/proxyman/inbound: handler not found: \(tag)")
                .within("app/proxyman/command: failed to get handler: \(tag)")
        }
        guard let users = inbound.proto.users else {
            throw ControlError("app/proxyman/command: proxy is not a UserManager")
        }
        return users
    }

    func changed(_ kind: CoreEvent.Kind, _ what: String, by caller: ControlCaller) {
        services.events.publish(kind)
        services.log.write(.info, "app/proxyman/command", "\(what) by \(caller)")
    }
}
