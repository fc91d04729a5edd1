-- Pages of restaurants at random. The first argument is the number of restaurants.
dofile("benches/bench/lua/report.lua")

local restaurants

function init(arguments)
  restaurants = tonumber(arguments[1])
  math.randomseed(os.time())
end

function request()
  return wrk.format("GET", "/" .. math.random(restaurants) .. "/")
end
