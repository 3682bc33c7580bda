#version 330
// Light of one pixel, and its depth: the ray caster's formulas (sim/render.py, sim/textures/atlas.py), term by term.
const int LEVELS = 17;
const int ROW = 4096;
const float TILE_M = {{TILE_M}};
const float TEXEL_M = {{TEXEL_M}};

uniform sampler2D atlas;
uniform float level_px[LEVELS];
uniform int level_start[LEVELS];
uniform int tile_words;
uniform mat3 turn;
uniform vec3 eye;
uniform vec3 lamp;
uniform vec3 lamp_light;  // strength, reach [m], ambient
uniform float focal_px;

in vec3 position;
in vec2 place;
flat in vec4 plane;
flat in int tile;

out vec4 light_and_depth;

vec3 texel(int index) {
    return texelFetch(atlas, ivec2(index % ROW, index / ROW), 0).rgb * 255.0;
}

vec3 look_up(float footprint_m) {
    int level = int(clamp(roundEven(2.0 * log2(footprint_m / TEXEL_M)), 0.0, float(LEVELS - 1)));
    float size = level_px[level];
    int pitch = int(size) + 2;  // a border one texel wide repeats the tile
    vec2 at = fract(place / TILE_M) * size + 0.5;
    vec2 whole = floor(at), rest = at - whole;
    int first = tile * tile_words + level_start[level] + int(whole.y) * pitch + int(whole.x);
    vec3 upper = mix(texel(first), texel(first + 1), rest.x);
    vec3 lower = mix(texel(first + pitch), texel(first + pitch + 1), rest.x);
    return mix(upper, lower, rest.y);
}

void main() {
    vec3 seen = turn * (position - eye);
    float depth = seen.z;
    float height = max(abs(dot(plane.xyz, eye) - plane.w), 1e-3);
    float footprint_m = depth * sqrt(min(length(seen) / height, 20.0)) / focal_px;

    vec3 to_lamp = lamp - position;
    float away_2 = dot(to_lamp, to_lamp), reach_2 = lamp_light.y * lamp_light.y;
    float over = max(dot(plane.xyz, lamp) - plane.w, 0.0);
    float shade = 2.0 * lamp_light.x * reach_2 * over / (sqrt(away_2) * (away_2 + reach_2)) + lamp_light.z;
    light_and_depth = vec4(look_up(footprint_m) * shade, depth);
}
