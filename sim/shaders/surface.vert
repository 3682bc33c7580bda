#version 330
// A corner of a surface, seen by one eye. Optical axes: right, down, forward; row 0 of the picture is its top.
uniform mat3 turn;       // R_optical_map
uniform vec3 eye;        // [m] in map
uniform vec2 scale;      // 2 f / width, 2 f / height
uniform vec2 range_m;    // nearest and farthest

in vec3 in_position;
in vec2 in_place;
in vec4 in_plane;
in float in_tile;

out vec3 position;
out vec2 place;
flat out vec4 plane;
flat out int tile;

void main() {
    vec3 seen = turn * (in_position - eye);
    float near = range_m.x, far = range_m.y;
    gl_Position = vec4(seen.xy * scale, (far + near) / (far - near) * seen.z - 2.0 * far * near / (far - near), seen.z);
    position = in_position;
    place = in_place;
    plane = in_plane;
    tile = int(in_tile + 0.5);
}
