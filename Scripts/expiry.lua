-- SPDX-License-Identifier: Apache-2.0
--
-- Expiry: lets users end at a date.
--
-- A user whose time is over is removed from the inbounds, a copy is kept, and the connections are closed; also when somebody adds
-- the user back. When the date is moved into the future (in the settings; the script is loaded anew), the user is back at once. Before
-- the end the log warns, once for each number of days.
--
-- Other scripts are told by the events script.user_expiring { email, days } and script.user_expired { email }.

local settings = settings {
    users = {
        type = "map", of = "date", required = true,
        doc = "the end by e-mail: \"2026-03-31\" (the end of that day) or \"2026-03-31 18:00\"",
    },
    zone = { type = "zone", default = "local", doc = "the time zone of the dates" },
    warn_days = { type = "list", of = { type = "integer", min = 1 }, default = { 7, 1 }, doc = "days before the end at which to warn" },
    inbounds = { type = "list", of = "string", doc = "the inbounds to remove users from; without it all that have users" },
    interval = { type = "duration", min = "1s", default = "1m", doc = "how often to look, beside each end itself" },
}

local suspended = require("lib.suspended").new(settings.inbounds)
local words = require("lib.words")

-- When each user ends, by lower-case e-mail.
local ends = {}
for email, date in pairs(settings.users) do
    local moment = #date > 10 and time.parse(date, settings.zone) or time.parse(date .. " 23:59:59", settings.zone) + 1
    ends[email:lower()] = { email = email, moment = moment, date = date }
end
table.sort(settings.warn_days)

local function expire(user)
    local gone = suspended:remove(user.email)
    if #gone == 0 then return end
    local closed = flows.close{ email = user.email }
    log.warning(("%s has ended at %s: removed from %s, %s closed"):format(
        user.email, user.date, table.concat(gone, ", "), words.count(closed, "connection")))
    events.raise("script.user_expired", { email = user.email })
end

-- The store remembers of which end and how many days before it was warned.
local function warn(user, left)
    for _, days in ipairs(settings.warn_days) do
        if left <= days * 86400 then
            local key, mark = "warned/" .. user.email, { moment = user.moment, days = days }
            local known = store.get(key)
            if known and known.moment == user.moment and known.days <= days then return end
            store.set(key, mark)
            log.warning(("%s ends at %s, in %s"):format(
                user.email, user.date, left > 86400 and ("%d days"):format(-(-left // 86400)) or "less than a day"))
            events.raise("script.user_expiring", { email = user.email, days = days })
            return
        end
    end
end

local timer
local is_busy, is_due = false, false
local function look()
    -- What comes while the core is waited for is looked at afterwards.
    is_due = is_busy
    if is_busy then return end
    is_busy = true
    local done, problem
    repeat
        is_due = false
        done, problem = pcall(function()
            local now, following = time.now(), nil
            for _, user in pairs(ends) do
                if now >= user.moment then
                    expire(user)
                else
                    if suspended:has(user.email) then suspended:restore(user.email) end
                    warn(user, user.moment - now)
                    following = math.min(following or user.moment, user.moment)
                end
            end
            -- Who is no longer in the settings has no end.
            for _, email in ipairs(suspended:emails()) do
                if not ends[email:lower()] then suspended:restore(email) end
            end
            if timer then timer:cancel() end
            timer = following and after(following - now, look, { name = "end" })
        end)
    until not done or not is_due
    is_busy = false
    if not done then error(problem, 0) end
end

after("0s", look, { name = "at start" })
every(settings.interval, look, { name = "expiry" })
on("user.added", function(event)
    local user = ends[event.email:lower()]
    if user and time.now() >= user.moment then look() end
end, { name = "added" })
