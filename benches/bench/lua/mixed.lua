-- A mix of requests as visitors send them: lists in all orders, restaurants, and searches. The first argument is the
-- number of restaurants, most of which are rarely read. The other arguments are the words to search for.
dofile("benches/bench/lua/report.lua")

local restaurants
local words = {}
local lists = { "/", "/", "/?sort=rating", "/?sort=reviews", "/?sort=newest", "/create" }

function init(arguments)
  restaurants = tonumber(arguments[1])
  for i = 2, #arguments do words[#words + 1] = arguments[i] end
  math.randomseed(os.time())
end

function request()
  local which = math.random(100)
  local path
  if which <= 40 then
    path = lists[math.random(#lists)]
  elseif which <= 70 then
    path = "/" .. math.random(math.min(restaurants, 50)) .. "/"
  elseif which <= 95 then
    path = "/" .. math.random(restaurants) .. "/"
  else
    path = "/?q=" .. words[math.random(#words)]
  end
  return wrk.format("GET", path)
end
